// SPDX-License-Identifier: MIT
// Two units, of which one calls the other with the library's types. Whether they link is the test; see
// block_across_units.cmake.
#include <tshift/models/shift_cnn.hpp>
#include <tshift/tshift.hpp>

// What passes between units of all flags: data.
bool take(tshift::tensor_view<float> const& view);
bool take(tshift::shift_plan const& plan);
bool take(tshift::model_shift const& options);
bool take(tshift::shift_stream<float> const& stream);
bool take(tshift::shifted_view<float> const& lazy);
bool take(tshift::shape_error const& error);

// What does not: types with code of one instruction set.
bool take(tshift::nn::linear<float> const& block);
bool take(tshift::weights::state_dict const& weights);
bool take(tshift::models::shift_cnn<float> const* model);

#if defined(PASSES_DATA)

int main() {
  tshift::tensor_view<float> const view;
  tshift::shift_plan const plan;
  bool const taken = take(view) && take(plan) && take(tshift::model_shift()) &&
                     take(tshift::shift_stream<float>(plan, view.shape)) && take(tshift::shifted(view, plan)) &&
                     take(tshift::shape_error("error"));
  return taken ? 0 : 1;
}

#elif defined(PASSES_BLOCKS)

int main() {
  tshift::models::shift_cnn<float> const* const model = nullptr;
  return take(tshift::nn::linear<float>()) && take(tshift::weights::state_dict()) && take(model) ? 0 : 1;
}

#else

bool take(tshift::tensor_view<float> const& view) { return view.size() == 0; }
bool take(tshift::shift_plan const& plan) { return plan.channels() == 0; }
bool take(tshift::model_shift const& options) { return options.n_div == 0; }
bool take(tshift::shift_stream<float> const& stream) { return stream.pending() == 0; }
bool take(tshift::shifted_view<float> const& lazy) { return lazy.runs_per_frame() == 0; }
bool take(tshift::shape_error const& error) { return error.what()[0] == 'e'; }
bool take(tshift::nn::linear<float> const& block) { return block.inputs() == 0; }
bool take(tshift::weights::state_dict const& weights) { return weights.size() == 0; }
bool take(tshift::models::shift_cnn<float> const* model) { return model == nullptr; }

#endif
