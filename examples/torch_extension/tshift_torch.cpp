// SPDX-License-Identifier: MIT
// The whole source of the extension: the header registers torch.ops.tshift when the library is loaded.
#include <tshift/interop/torch_library.hpp>
