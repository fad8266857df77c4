// SPDX-License-Identifier: MIT
// DLPack's C structs: from Debian's libdlpack-dev or PyTorch's headers, and if there is neither, the same declared here.
#pragma once

#include <cstdint>

#if __has_include(<dlpack/dlpack.h>)
#include <dlpack/dlpack.h>
#define TEST_DLPACK "dlpack/dlpack.h"
#elif __has_include(<ATen/dlpack.h>)
#include <ATen/dlpack.h>
#define TEST_DLPACK "ATen/dlpack.h"
#else
#define TEST_DLPACK "the tests' own structs"
extern "C" {
enum DLDeviceType { kDLCPU = 1, kDLCUDA = 2 };
enum DLDataTypeCode { kDLInt = 0, kDLUInt = 1, kDLFloat = 2, kDLBfloat = 4, kDLComplex = 5 };
struct DLDevice {
  DLDeviceType device_type;
  int device_id;
};
struct DLDataType {
  std::uint8_t code;
  std::uint8_t bits;
  std::uint16_t lanes;
};
struct DLTensor {
  void* data;
  DLDevice device;
  int ndim;
  DLDataType dtype;
  std::int64_t* shape;
  std::int64_t* strides;
  std::uint64_t byte_offset;
};
struct DLManagedTensor {
  DLTensor dl_tensor;
  void* manager_ctx;
  void (*deleter)(DLManagedTensor*);
};
}
#endif

namespace test_support {

/// As DLPack 1 has it, which those headers are older than.
struct versioned_tensor {
  struct {
    std::uint32_t major;
    std::uint32_t minor;
  } version;
  void* manager_ctx;
  void (*deleter)(versioned_tensor*);
  std::uint64_t flags;
  DLTensor dl_tensor;
};

}  // namespace test_support
