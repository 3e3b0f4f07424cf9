// The side of the conversation with annbench that all drivers share. A driver is
// started as
//
//	driver BASE.fvecs QUERIES.fvecs l2|ip M EF_CONSTRUCTION K
//
// and answers each line of standard input with one line of JSON. Times are in seconds,
// cpu_s of the whole process:
//
//	build THREADS     makes the index anew: cpu_s, wall_s, rss_bytes (by how much the
//	                  resident memory grew), bytes (of its vectors and links, counted)
//	search EF SECONDS N
//	                  answers the first N queries, again and again for at least SECONDS
//	                  of processor time: cpu_s, wall_s, passes, ids (K per query,
//	                  nearest first, -1 for none)
//	save PATH         cpu_s, wall_s
//	load PATH         replaces the index by a saved one: cpu_s, wall_s
//
// or with {"error": "..."}.
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <malloc.h>
#include <sstream>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

struct Rows {
  size_t n = 0, dim = 0;
  std::vector<float> data;
  const float *row(size_t i) const { return data.data() + i * dim; }
};

struct Parameters {
  bool l2;
  size_t m, ef_construction, k;
};

// Index is what a driver defines.
struct Index {
  virtual void build(const Rows &base, size_t threads) = 0;
  virtual void search(const Rows &queries, size_t n, size_t ef, std::vector<int64_t> &ids) = 0;
  virtual void save(const std::string &path) = 0;
  virtual void load(const std::string &path) = 0;
  virtual size_t bytes() = 0;
  virtual void drop() = 0;
  virtual bool made() = 0;
  virtual ~Index() {}
};

inline Rows read_fvecs(const char *path) {
  std::ifstream in(path, std::ios::binary);
  Rows r;
  int32_t dim;
  while (in.read((char *)&dim, 4)) {
    if (dim < 1 || (r.n > 0 && (size_t)dim != r.dim)) throw std::runtime_error(std::string(path) + ": not an .fvecs file");
    r.dim = dim;
    r.data.resize((r.n + 1) * r.dim);
    if (!in.read((char *)(r.data.data() + r.n * r.dim), 4 * r.dim)) throw std::runtime_error(std::string(path) + ": cut short");
    r.n++;
  }
  r.data.shrink_to_fit();
  return r;
}

inline double seconds(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

struct Timer {
  double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), wall = seconds(CLOCK_MONOTONIC);
  double cpu_s() const { return seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu; }
  double wall_s() const { return seconds(CLOCK_MONOTONIC) - wall; }
  void print() const { printf("\"cpu_s\":%.9f,\"wall_s\":%.9f", cpu_s(), wall_s()); }
};

inline long resident() {
  malloc_trim(0);
  long size = 0, pages = 0;
  std::ifstream("/proc/self/statm") >> size >> pages;
  return pages * sysconf(_SC_PAGESIZE);
}

inline void answer(const std::string &line, Index &index, const Rows &base, const Rows &queries, const Parameters &p) {
  std::istringstream in(line);
  std::string command, path;
  in >> command;
  if (command == "build") {
    size_t threads;
    if (!(in >> threads) || threads < 1) throw std::runtime_error("build wants a number of threads");
    index.drop();
    long before = resident();
    Timer t;
    index.build(base, threads);
    printf("{");
    t.print();
    printf(",\"rss_bytes\":%ld,\"bytes\":%zu}\n", resident() - before, index.bytes());
  } else if ((command == "search" || command == "save") && !index.made()) {
    throw std::runtime_error("no index: build or load one first");
  } else if (command == "search") {
    size_t ef, n, passes = 0;
    double least;
    if (!(in >> ef >> least >> n) || n > queries.n) throw std::runtime_error("search wants ef, seconds and a number of queries");
    std::vector<int64_t> ids(n * p.k, -1);
    Timer t;
    do {
      index.search(queries, n, ef, ids);
      passes++;
    } while (t.cpu_s() < least);
    printf("{");
    t.print();
    printf(",\"passes\":%zu,\"ids\":[", passes);
    for (size_t i = 0; i < ids.size(); i++) printf(i ? ",%lld" : "%lld", (long long)ids[i]);
    printf("]}\n");
  } else if (command == "save" || command == "load") {
    std::getline(in >> std::ws, path);
    if (command == "load") index.drop();
    Timer t;
    if (command == "save") index.save(path); else index.load(path);
    printf("{");
    t.print();
    printf("}\n");
  } else {
    throw std::runtime_error("unknown command");
  }
}

inline int converse(int argc, char **argv, Index *(*make)(const Rows &, const Parameters &)) {
  try {
    if (argc != 7) throw std::runtime_error("want 6 arguments");
    Rows base = read_fvecs(argv[1]), queries = read_fvecs(argv[2]);
    Parameters p{std::string(argv[3]) == "l2", (size_t)atol(argv[4]), (size_t)atol(argv[5]), (size_t)atol(argv[6])};
    Index *index = make(base, p);
    std::string line;
    while (std::getline(std::cin, line)) {
      try {
        answer(line, *index, base, queries, p);
      } catch (std::exception &e) {
        std::string what;
        for (char c : std::string(e.what())) what += c == '"' || c == '\\' || (unsigned char)c < ' ' ? ' ' : c;
        printf("{\"error\":\"%s\"}\n", what.c_str());
      }
      fflush(stdout);
    }
    delete index;
    return 0;
  } catch (std::exception &e) {
    fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
