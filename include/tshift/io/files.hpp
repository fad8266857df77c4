// SPDX-License-Identifier: MIT
// Whole files, by whatever the system offers: detail::mapped_file to read one, detail::replace_file to write one. All that
// io/ asks of the system stands in the file that is chosen here.
#pragma once

#if __has_include(<sys/mman.h>) && __has_include(<unistd.h>)
#include <tshift/io/files_posix.hpp>
#else
#error "tshift: io/ reads and writes files by POSIX (sys/mman.h, unistd.h), which this system does not have"
#endif
