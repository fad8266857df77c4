// SPDX-License-Identifier: MIT
#include "live_report.hpp"

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "emotions.hpp"
#include "error.hpp"

namespace ser {

bool reporter::answer(live_answer const& of) const {
  bool const none = of.values.empty();
  if (json_) {
    nlohmann::ordered_json line;
    if (of.from) line["from"] = *of.from;
    line["seconds"] = of.heard;
    if (of.verdict) line["label"] = *of.verdict;
    char const* const name = of.verdict ? "probabilities" : "values";
    for (std::size_t k = 0; k < of.values.size(); ++k) line[name][labels_[k]] = of.values[k];
    line["last"] = of.last;
    return put(line.dump() + "\n");
  }
  char text[64];
  if (of.from) {
    std::snprintf(text, sizeof text, "%7.2f to %7.2f s", *of.from, of.heard);
  } else {
    std::snprintf(text, sizeof text, of.last ? "all of %.2f s" : "%9.2f s", of.heard);
  }
  if (none) return put(std::string(text) + ": nothing yet\n");
  std::string name = text;
  if (!of.last && of.verdict) {
    double const most = *std::max_element(of.values.begin(), of.values.end());
    std::string bar(most > 0 ? static_cast<std::size_t>(std::lround(20 * most)) : 0, '#');  // none of NaN
    bar.resize(20, '.');
    name += "  [" + bar + "]";
  }
  return put(verdict_line(name, labels_, of.verdict.value_or(""), of.values) + "\n");
}

bool reporter::delay(delay_parts const& parts, delays const& computing) const {
  double const median = computing.median(), most = computing.most();
  if (json_) {
    nlohmann::ordered_json line;
    if (parts.window > 0) {
      line["delay"]["window"] = parts.window;
    } else {
      line["delay"] = {{"frame", parts.frame}, {"network", parts.network}};
    }
    line["delay"]["computing_median"] = median;
    line["delay"]["computing_most"] = most;
    return put(line.dump() + "\n");
  }
  char text[256];
  if (parts.window > 0) {
    std::snprintf(text, sizeof text,
                  "(an answer is of %.4g s of sound, and comes %.1f ms after its end, at most %.1f ms)\n", parts.window,
                  1000 * median, 1000 * most);
  } else {
    std::snprintf(
        text, sizeof text,
        "(from sound to answer %.0f ms: a frame takes %.0f ms of sound, the network looks %.0f ms ahead, computing "
        "takes %.1f ms, at most %.1f ms)\n",
        1000 * (parts.frame + parts.network + median), 1000 * parts.frame, 1000 * parts.network, 1000 * median,
        1000 * most);
  }
  return put(text);
}

bool reporter::put(std::string const& text) const {
  errno = 0;
  bool const good = std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
  if (!good && errno != EPIPE) throw ser_error("cannot write to the standard output");
  if (!good) std::clearerr(stdout);
  return good;
}

}  // namespace ser
