# Turns FILES into OUTPUT, a C++ source with one function that lists {name, text} pairs:
# files travel inside the binary without a generator program.
set(body "#include <array>\n#include <span>\n#include <string_view>\n#include <utility>\n\nnamespace ${NAMESPACE} {\n")
set(list "")
set(count 0)
foreach(file IN LISTS FILES)
  get_filename_component(name "${file}" NAME)
  file(READ "${file}" text)
  # MSVC-free project: GCC has no limit on literals, so one raw string a file is enough.
  string(APPEND list "    {\"${name}\", R\"embedded_(${text})embedded_\"},\n")
  math(EXPR count "${count} + 1")
endforeach()
string(APPEND body "using embedded_file = std::pair<std::string_view, std::string_view>;\n")
string(APPEND body "std::span<const embedded_file> ${FUNCTION}();\n")
string(APPEND body "std::span<const embedded_file> ${FUNCTION}() {\n")
string(APPEND body "  static constexpr std::array<embedded_file, ${count}> files{{\n${list}  }};\n  return files;\n}\n} // namespace ${NAMESPACE}\n")
file(WRITE "${OUTPUT}" "${body}")
