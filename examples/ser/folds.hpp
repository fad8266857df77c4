// SPDX-License-Identifier: MIT
// Which samples are for training, for choosing, and for the one test.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataset.hpp"
#include "trainer.hpp"

namespace ser {

struct fold {
  std::string name;      // of the test group
  std::string dev_name;  // of the group that chooses the epoch
  parts of;
};

/// Leave one group out: each is the test once, the next one in order chooses the epoch, all others train. Without groups,
/// `count` folds of shuffled samples, each label spread evenly.
/// @param dev  whether samples choose the epoch; without, the last epoch is tested
/// @throws ser_error  fewer than three groups (two without dev)
std::vector<fold> make_folds(dataset const& data, index_t count, bool dev, std::uint64_t seed);

/// Sentences about speakers and texts that stand in the test of a fold and in what it learns from.
std::vector<std::string> overlaps(dataset const& data, fold const& of);

}  // namespace ser
