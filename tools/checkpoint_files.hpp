// Checkpoints and keys as files: read with a bound, written only where nothing is yet.
#pragma once
#include "core/checkpoint.hpp"
#include "eventstore/verify_log.hpp"
#include <optional>
#include <string>
#include <sys/types.h>

namespace synclog::tools {

// The problem names the file and says what is wrong with it.
core::result<core::private_key> load_private_key(const std::string& path);
core::result<core::public_key> load_public_key(const std::string& path);

// A checkpoint whose signature was looked at.
struct loaded_checkpoint {
  core::checkpoint about;
  core::public_key key; // that the signature was checked with
  bool key_was_given = false;
  std::optional<eventstore::difference> forged; // the signature is not of that key
};
// `public_key_path` empty: the key inside the file is used, which proves only that the file is whole.
core::result<loaded_checkpoint> load_checkpoint(const std::string& path, const std::string& public_key_path);

// Makes the file and has it on disk when it returns; one that exists is refused and left alone. A file that
// could not be written whole is taken away again.
core::result<void> write_new_file(const std::string& path, const std::string& text, mode_t mode);

} // namespace synclog::tools
