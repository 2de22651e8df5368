// Look-ups of a definition, and the set of definitions of a server: the embedded ones and those of a folder.
#include "core/entity.hpp"
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace synclog::core {

namespace {

constexpr std::uintmax_t max_definition_bytes = 1024 * 1024;

result<std::vector<entity>> embedded_entities() {
  std::vector<entity> loaded;
  for (const auto& [file_name, text] : embedded_entity_files()) {
    auto parsed = parse_entity(file_name.substr(0, file_name.rfind('.')), text);
    if (!parsed) return std::move(parsed).error();
    loaded.push_back(std::move(*parsed));
  }
  return loaded;
}

result<entity> entity_of_file(const std::filesystem::path& path) {
  const auto refuse = [&](const std::string& why) {
    return make_problem(problem_code::invalid, path.filename().string() + " " + why);
  };
  std::error_code failed;
  const auto bytes = std::filesystem::file_size(path, failed);
  if (failed || bytes > max_definition_bytes) return refuse("cannot be read or is larger than 1 MiB");
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (file.bad()) return refuse("cannot be read");
  auto parsed = parse_entity(path.stem().string(), text);
  if (parsed) return parsed;
  problem why = parsed.error();
  why.detail = path.filename().string() + ": " + why.detail;
  return why;
}

// The higher x-revision of two definitions of one entity counts; the same revision with other contents is a
// mistake.
result<void> adopt(std::vector<entity>& loaded, entity candidate) {
  const auto same_name = [&](const entity& each) { return each.name == candidate.name; };
  const auto known = std::find_if(loaded.begin(), loaded.end(), same_name);
  if (known == loaded.end()) {
    loaded.push_back(std::move(candidate));
  } else if (candidate.revision > known->revision) {
    *known = std::move(candidate);
  } else if (candidate.revision == known->revision && candidate.fingerprint != known->fingerprint) {
    return make_problem(problem_code::invalid, candidate.name +
                                                   ".json differs from the definition that the server has, "
                                                   "but both are x-revision " +
                                                   std::to_string(candidate.revision) +
                                                   ": raise its x-revision");
  }
  return {};
}

} // namespace

std::optional<std::size_t> entity::field_index(std::string_view field_name) const {
  const auto found = field_indexes.find(field_name);
  if (found == field_indexes.end()) return std::nullopt;
  return found->second;
}

std::optional<std::size_t> entity::field_or_alias(std::string_view spelling) const {
  if (const auto index = field_index(spelling)) return index;
  const auto alias = aliases.find(spelling);
  return alias == aliases.end() ? std::nullopt : field_index(alias->second);
}

std::optional<column_ref> entity::column(std::string_view column_name) const {
  if (const auto index = field_index(column_name))
    return column_ref{fields[*index].name, fields[*index].type, index};
  if (column_name == "id") return column_ref{"id", field_type::text, std::nullopt};
  if (column_name == "version" || column_name == "position")
    return column_ref{std::string(column_name), field_type::integer, std::nullopt};
  if (column_name == "created_at" || column_name == "updated_at")
    return column_ref{std::string(column_name), field_type::timestamp, std::nullopt};
  return std::nullopt;
}

result<catalog> catalog::load(const std::string& directory) {
  auto loaded = embedded_entities();
  if (!loaded) return std::move(loaded).error();
  if (!directory.empty()) {
    std::error_code failed;
    std::vector<std::filesystem::path> paths;
    for (auto at = std::filesystem::directory_iterator(directory, failed);
         !failed && at != std::filesystem::directory_iterator(); at.increment(failed))
      if (at->path().extension() == ".json") paths.push_back(at->path());
    if (failed)
      return make_problem(problem_code::invalid,
                          "the folder of definitions cannot be read: " + failed.message());
    std::sort(paths.begin(), paths.end());
    for (const auto& path : paths) {
      auto candidate = entity_of_file(path);
      if (!candidate) return std::move(candidate).error();
      if (auto adopted = adopt(*loaded, std::move(*candidate)); !adopted) return std::move(adopted).error();
    }
  }
  return from(std::move(*loaded));
}

result<catalog> catalog::from(std::vector<entity> entities) {
  std::sort(entities.begin(), entities.end(),
            [](const entity& a, const entity& b) { return a.name < b.name; });
  catalog made;
  std::map<std::string, std::string, std::less<>> names_by_table;
  for (entity& each : entities) {
    auto owned = std::make_unique<const entity>(std::move(each));
    if (!made.by_name_.emplace(owned->name, owned.get()).second)
      return make_problem(problem_code::invalid, "the entity " + owned->name + " is defined twice");
    const auto [other, is_new] = names_by_table.emplace(owned->table, owned->name);
    if (!is_new)
      return make_problem(problem_code::invalid, "the entities " + other->second + " and " + owned->name +
                                                     " have the same x-table, " + owned->table);
    made.entities_.push_back(std::move(owned));
  }
  return made;
}

const entity* catalog::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

} // namespace synclog::core
