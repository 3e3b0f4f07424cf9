// Driver for hnswlib (Debian: libhnswlib-dev).
#include "driver.h"
#include <hnswlib/hnswlib.h>
#include <atomic>
#include <memory>
#include <thread>

struct Hnswlib : Index {
  Parameters p;
  size_t dim;
  std::unique_ptr<hnswlib::SpaceInterface<float>> space;
  std::unique_ptr<hnswlib::HierarchicalNSW<float>> graph;

  Hnswlib(const Rows &base, const Parameters &p) : p(p), dim(base.dim) {
    if (p.l2) space.reset(new hnswlib::L2Space(dim)); else space.reset(new hnswlib::InnerProductSpace(dim));
  }

  void build(const Rows &base, size_t threads) override {
    graph.reset(new hnswlib::HierarchicalNSW<float>(space.get(), base.n, p.m, p.ef_construction));
    graph->addPoint(base.row(0), 0);
    std::atomic<size_t> next{1};
    auto work = [&] {
      for (size_t i; (i = next++) < base.n;) graph->addPoint(base.row(i), i);
    };
    std::vector<std::thread> others;
    for (size_t t = 1; t < threads; t++) others.emplace_back(work);
    work();
    for (auto &t : others) t.join();
  }

  void search(const Rows &queries, size_t n, size_t ef, std::vector<int64_t> &ids) override {
    graph->setEf(ef);
    for (size_t q = 0; q < n; q++) {
      auto found = graph->searchKnn(queries.row(q), p.k); // the farthest first
      int64_t *out = ids.data() + q * p.k;
      for (size_t i = found.size(); i-- > 0; found.pop()) out[i] = found.top().second;
    }
  }

  void save(const std::string &path) override { graph->saveIndex(path); }
  void load(const std::string &path) override { graph.reset(new hnswlib::HierarchicalNSW<float>(space.get(), path)); }
  void drop() override { graph.reset(); }
  bool made() override { return graph != nullptr; }

  // Rows with their links and labels, and the links of the upper levels. Locks, levels,
  // the table of labels and visited marks are not counted.
  size_t bytes() override {
    size_t sum = graph->max_elements_ * (graph->size_data_per_element_ + sizeof(void *));
    for (size_t i = 0; i < graph->cur_element_count; i++) sum += graph->element_levels_[i] * graph->size_links_per_element_;
    return sum;
  }
};

int main(int argc, char **argv) {
  return converse(argc, argv, [](const Rows &base, const Parameters &p) -> Index * { return new Hnswlib(base, p); });
}
