// SPDX-License-Identifier: MIT
// Whole files by POSIX: mapped to be read, replaced to be written. Part of io/files.hpp.
#pragma once

#include <tshift/macros/away.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <system_error>

#include <tshift/config.hpp>
#include <tshift/error.hpp>
#include <tshift/io/file_error.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// What the system says about an error number. strerror may not be called from two threads.
inline std::string system_message(int error) { return std::generic_category().message(error); }

/// open, again if a signal comes in between. @return a descriptor, or -1 and errno
inline int open_file(char const* path, int flags, ::mode_t mode = 0) noexcept {
  int file = -1;
  do {
    file = ::open(path, flags | O_CLOEXEC, mode);
  } while (file < 0 && errno == EINTR);
  return file;
}

/// A file descriptor that is closed in time.
class descriptor {
 public:
  explicit descriptor(int value) noexcept : value_(value) {}
  descriptor(descriptor const&) = delete;
  descriptor& operator=(descriptor const&) = delete;
  ~descriptor() { close(); }

  int get() const noexcept { return value_; }

  /// The error number of closing, which is when some file systems report that nothing was written; 0: none.
  int close() noexcept {
    int const error = value_ >= 0 && ::close(value_) != 0 ? errno : 0;
    value_ = -1;
    return error;
  }

 private:
  int value_;
};

/// The bytes of a file, mapped read-only. Nothing is read before it is touched.
/// A file that another program cuts short meanwhile takes its pages away: touching them ends the program with SIGBUS.
/// Programs that replace files by renaming, as replace_file does, leave the mapped one whole.
class mapped_file {
 public:
  /// @throws file_error  if it is missing, may not be read, or is no regular file
  explicit mapped_file(std::string const& path) {
    // Without O_NONBLOCK, opening a pipe would wait for somebody to write to it.
    descriptor const file(open_file(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY));
    struct stat status {};
    if (file.get() < 0 || ::fstat(file.get(), &status) != 0) {
      fail_file(path, -1, "cannot be opened: %s", system_message(errno).c_str());
    }
    if (S_ISDIR(status.st_mode)) fail_file(path, -1, "is a folder, must be a file");
    if (!S_ISREG(status.st_mode)) fail_file(path, -1, "is not a regular file and cannot be mapped");
    size_ = static_cast<std::size_t>(status.st_size);
    if (size_ == 0) return;  // mmap refuses to map nothing
    void* const data = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (data == MAP_FAILED) fail_file(path, -1, "cannot be mapped: %s", system_message(errno).c_str());
    data_ = static_cast<std::byte const*>(data);
  }
  mapped_file(mapped_file const&) = delete;
  mapped_file& operator=(mapped_file const&) = delete;
  ~mapped_file() {
    if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
  }

  std::span<std::byte const> bytes() const noexcept { return {data_, data_ != nullptr ? size_ : 0}; }

 private:
  std::byte const* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Writes all bytes, in as many calls as the system likes. @return an error number, 0: none
inline int write_all(int file, std::span<std::byte const> bytes) noexcept {
  constexpr std::size_t most = std::size_t{1} << 30;  // Linux writes no more than 2 GiB at a time
  while (!bytes.empty()) {
    auto const written = ::write(file, bytes.data(), bytes.size() < most ? bytes.size() : most);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    if (written == 0) return EIO;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return 0;
}

/// Writes a file of these parts, one after the other. It is written beside the place it is for and renamed at the end:
/// whoever looks there sees the old file or the new one, never half of one, and a failure leaves the old one as it was.
/// Of a symbolic link the file it points to is replaced.
/// @throws file_error  if it cannot be written, or if something else than a regular file is there
inline void replace_file(std::string const& path, std::span<std::span<std::byte const> const> parts) {
  std::error_code ignored;
  std::filesystem::path target = path;
  if (std::filesystem::is_symlink(target, ignored)) {
    std::error_code error;
    target = std::filesystem::canonical(target, error);
    if (error) fail_file(path, -1, "cannot be written: %s", error.message().c_str());
  }
  struct stat old {};
  bool const replaces = ::stat(target.c_str(), &old) == 0;
  if (!replaces && errno != ENOENT) fail_file(path, -1, "cannot be written: %s", system_message(errno).c_str());
  if (replaces && S_ISDIR(old.st_mode)) fail_file(path, -1, "is a folder, must be a file");
  if (replaces && !S_ISREG(old.st_mode)) fail_file(path, -1, "is not a regular file and is not replaced");
  if (replaces && ::faccessat(AT_FDCWD, target.c_str(), W_OK, AT_EACCESS) != 0) {  // renaming would not ask
    fail_file(path, -1, "cannot be written: %s", system_message(errno).c_str());
  }

  std::string temporary;
  int opened = -1;
  for (int attempt = 0; opened < 0; ++attempt) {  // another thread may be writing in this folder, too
    std::string const name = ".tshift-" + std::to_string(::getpid()) + "-" + std::to_string(attempt) + ".part";
    temporary = (target.parent_path() / name).string();
    opened = open_file(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (opened < 0 && (errno != EEXIST || attempt == 1000)) {
      fail_file(path, -1, "cannot be written: %s", system_message(errno).c_str());
    }
  }
  descriptor file(opened);
  int error = replaces && ::fchmod(file.get(), old.st_mode & 0777) != 0 ? errno : 0;
  for (std::size_t i = 0; i < parts.size() && error == 0; ++i) error = write_all(file.get(), parts[i]);
  int const error_of_closing = file.close();
  if (error == 0) error = error_of_closing;
  if (error == 0 && std::rename(temporary.c_str(), target.c_str()) != 0) error = errno;
  if (error != 0) {
    ::unlink(temporary.c_str());
    fail_file(path, -1, "cannot be written: %s", system_message(error).c_str());
  }
}

}}}}  // namespace tshift::detail

#include <tshift/macros/back.hpp>
