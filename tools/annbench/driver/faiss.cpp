// Driver for the HNSW index of faiss (Debian: libfaiss-dev).
#include "driver.h"
#include <faiss/IndexHNSW.h>
#include <faiss/index_io.h>
#include <memory>
#include <omp.h>

struct Faiss : Index {
  Parameters p;
  size_t dim;
  std::unique_ptr<faiss::IndexHNSW> graph;

  Faiss(const Rows &base, const Parameters &p) : p(p), dim(base.dim) {}

  void build(const Rows &base, size_t threads) override {
    omp_set_num_threads(threads);
    graph.reset(new faiss::IndexHNSWFlat(dim, p.m, p.l2 ? faiss::METRIC_L2 : faiss::METRIC_INNER_PRODUCT));
    graph->hnsw.efConstruction = p.ef_construction;
    graph->add(base.n, base.data.data());
  }

  // All queries go in one call, for which faiss is made: it then allocates the visited
  // marks once.
  void search(const Rows &queries, size_t n, size_t ef, std::vector<int64_t> &ids) override {
    omp_set_num_threads(1);
    graph->hnsw.efSearch = ef;
    std::vector<float> distances(ids.size());
    graph->search(n, queries.data.data(), p.k, distances.data(), ids.data());
  }

  void save(const std::string &path) override { faiss::write_index(graph.get(), path.c_str()); }
  void load(const std::string &path) override {
    std::unique_ptr<faiss::Index> read(faiss::read_index(path.c_str()));
    if (!dynamic_cast<faiss::IndexHNSW *>(read.get())) throw std::runtime_error("not an HNSW index");
    graph.reset(static_cast<faiss::IndexHNSW *>(read.release()));
  }
  void drop() override { graph.reset(); }
  bool made() override { return graph != nullptr; }

  // Vectors, and links with what finds them.
  size_t bytes() override {
    const auto &h = graph->hnsw;
    return graph->ntotal * dim * sizeof(float) + h.neighbors.size() * sizeof(h.neighbors[0]) + h.offsets.size() * sizeof(h.offsets[0]) +
           h.levels.size() * sizeof(h.levels[0]);
  }
};

int main(int argc, char **argv) {
  return converse(argc, argv, [](const Rows &base, const Parameters &p) -> Index * { return new Faiss(base, p); });
}
