// Every case of a public suite that this server answers otherwise than the suite has it, with the reason. The tests check
// that each of them is still needed: a case that passes must not stand here.

const twice = 'a name given twice is refused: what the sender meant is not known, and parsers disagree about which one counts';
const nul = 'U+0000 is refused: PostgreSQL can store it in no text';
const surrogate = 'half a surrogate pair is refused: it is no character and has no UTF-8';
const number = 'a number beyond what a double or numeric can hold is refused instead of being rounded to nothing or infinity';

// JSONTestSuite, test_parsing: texts that must be taken (y_) and are refused, 422 with a pointer.
export const jsonRefused = {
  'y_object_duplicated_key.json': twice,
  'y_object_duplicated_key_and_value.json': twice,
  'y_object_escaped_null_in_key.json': nul,
  'y_string_null_escape.json': nul,
};

// JSONTestSuite, test_transform: the suite asks what a parser makes of these; here they are refused.
export const transformRefused = {
  'number_1e-999.json': number,
  'object_same_key_different_values.json': twice,
  'object_same_key_same_value.json': twice,
  'object_same_key_unclear_values.json': twice,
  'string_1_escaped_invalid_codepoint.json': surrogate,
  'string_2_escaped_invalid_codepoints.json': surrogate,
  'string_3_escaped_invalid_codepoints.json': surrogate,
  'string_with_escaped_NULL.json': nul,
};

// The npm package holds the suite's files as text: in these, bytes that are no UTF-8 have become U+FFFD. The test puts
// such bytes back in their place, and they must be refused.
export const madeText = [/invalid.utf.?8/i, /UTF.?16/i, /invalid_sequence/, /U\+D800/, /iso_latin_1/, /continuation_byte/, /overlong/, /not_in_unicode_range/, /truncated/, /incomplete_UTF8_BOM/, /single_eacute/, /invalid_codepoint/];

// Big List of Naughty Strings: what cannot be a client's name.
export const nameRefused = new Map([['', 'a client must have a name']]);

// csv-spectrum: files that are read otherwise.
export const csvDiffers = {
  location_coordinates: "the suite's own answer is of another file: another telephone number, and one object instead of a list",
};

// JSON Schema draft 4: keywords that a definition cannot have, so that it is refused at the start and none of its records is
// ever checked by half a rule. A group of the suite that uses one is tested for just that.
export const schemaKeywordsRefused = {
  $ref: 'a definition is one file that is read once; references make it depend on others, and RapidJSON fetches none',
  id: 'names a schema for references; see $ref',
  definitions: 'serves references only; see $ref',
  format: 'RapidJSON 1.1 does not check it: a rule that nobody keeps is refused. Fields themselves have date, time and date-time',
  default: 'inside a field nothing fills it in; fields themselves have it',
  dependencies: 'not among the keywords that definitions were given; allOf and anyOf say the same',
  patternProperties: 'not among the keywords that definitions were given: names inside a field are data',
  additionalItems: 'not among the keywords that definitions were given: items and maxItems say the same of lists',
};

// Cases of draft 4 whose verdict differs, by file, group and case. The suite itself calls these optional.
const bignum = 'RapidJSON reads a whole number beyond 64 bits as a double, which is no integer to it; a field of type integer is ours and takes 38 digits';
export const schemaDiffers = {
  'bignum: integer: a bignum is an integer': bignum,
  'bignum: integer: a negative bignum is an integer': bignum,
};

const kind = (property) => property?.format ?? property?.type;
const isText = (value) => typeof value === 'string';

// Where the server takes more than its published schema says: input that older pages and spreadsheets send. The schema tells
// programs the one plain form.
export const forgiven = [
  { reason: 'an integer, a decimal or a truth value may come as text', is: (property, value) => ['number', 'integer', 'boolean'].includes(kind(property)) && isText(value) },
  { reason: 'a text may come as a number, whose text is kept: phones and codes', is: (property, value) => kind(property) === 'string' && typeof value === 'number' },
  { reason: 'a date may come with a time, a time without seconds; "" is no value', is: (property, value) => ['date', 'time', 'date-time'].includes(kind(property)) && isText(value) },
  { reason: 'expected_version may be null, which expects nothing, or text', is: (property, value, field) => field === 'expected_version' && (value === null || isText(value)) },
  { reason: 'an object or array may come as the JSON text of one', is: (property, value) => ['object', 'array'].includes(kind(property)) && isText(value) },
];

// Where the server takes less than its published schema says.
export const looserSchema = [
  { reason: 'a required text may not be empty; the schema of a write has every field optional and names the required ones in x-required-to-create', is: (property, value) => kind(property) === 'string' && value === '' },
  { reason: 'x-max-decimals has no keyword: multipleOf 0.01 would refuse 0.07 by whoever computes in binary', is: (property, value) => property?.multipleOf !== undefined && typeof value === 'number' },
];
