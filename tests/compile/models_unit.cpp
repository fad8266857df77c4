// SPDX-License-Identifier: MIT
// A user's unit with every model in it: for the linters, and for what it includes (dependencies.cmake).
#include <tshift/models/crnn.hpp>
#include <tshift/models/sequence_head.hpp>
#include <tshift/models/shift_cnn.hpp>
#include <tshift/models/shift_lstm.hpp>
#include <tshift/models/shiftformer.hpp>
#include <tshift/models/speech_classifier.hpp>
#include <tshift/models/streamed.hpp>
#include <tshift/models/vertical_vit.hpp>
#include <tshift/nn/streamed.hpp>

template class tshift::models::crnn<float>;
template class tshift::models::shift_cnn<float>;
template class tshift::models::shift_lstm<float>;
template class tshift::models::shiftformer<float>;
template class tshift::models::shiftformer<double>;
template class tshift::models::speech_encoder<float>;
template class tshift::models::speech_encoder<double>;
template class tshift::models::sequence_head<float>;
template class tshift::models::speech_classifier<float, tshift::models::sequence_head<float>>;
template class tshift::models::vertical_vit<float>;
template class tshift::models::streamed<tshift::models::crnn<float>>;
template class tshift::models::streamed<tshift::models::shift_cnn<float>>;
template class tshift::models::streamed<tshift::models::shift_lstm<float>>;
template class tshift::models::streamed<tshift::models::shiftformer<double>>;
template class tshift::nn::streamed<float, tshift::nn::wrapped<float, tshift::nn::linear<float>>,
                                    tshift::nn::lstm<float>, tshift::nn::conv1d<float>,
                                    tshift::models::conv_block<float>>;
