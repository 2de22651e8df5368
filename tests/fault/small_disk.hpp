// A file system of its own, ext4 in a file, that a test may fill up or cut the power of. Needs root and loop
// devices. Blocking; one thread.
#pragma once
#include <cstddef>
#include <string>

namespace synclog::tests::fault {

class small_disk {
 public:
  // "" = such a disk can be made here; else a sentence why not. Tries it once a process.
  static const std::string& why_not();

  // Makes the file and mounts it at `folder`, which exists. Throws std::runtime_error.
  small_disk(std::string file, std::string folder, std::size_t megabytes);
  ~small_disk();
  small_disk(const small_disk&) = delete;
  small_disk& operator=(const small_disk&) = delete;

  // Nothing more can be written …
  void fill();
  // … until this.
  void make_room();
  // As when the power fails: from now on every access fails, and what was not made durable is gone. The
  // programs that work in it are to be killed then.
  void cut_power();
  // After cut_power(), when nothing runs in it any more: mounted again, with what it holds.
  void power_on();

  const std::string& folder() const { return folder_; }

 private:
  void mount();
  void unmount();
  std::string ballast() const { return folder_ + "/ballast"; }

  std::string file_;
  std::string folder_;
};

// Unmounts what a test that was killed has left mounted at `folder`.
void unmount_left_over(const std::string& folder);

} // namespace synclog::tests::fault
