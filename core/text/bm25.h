// An inverted index over short documents (titles), ranked by BM25 (Robertson et al. 1994). Which
// terms a text has: terms.h. k1 and b are given with a query, so that choosing them needs one
// index.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/best_list.h"

namespace seqsweep {

// A document of l terms, n a document in the mean, scores for each term of the query, as often as
// it stands there, with its frequency f in the document and its document frequency d of N,
//   idf * f / (f + k1 * (1 - b + b * l / n)).
enum class Bm25Formula {
  // idf = ln(1 + (N - d + 0.5) / (d + 0.5)), never negative: Lucene; bm25s with method="lucene".
  Lucene,
  // idf = ln((N - d + 0.5) / (d + 0.5)), a quarter of the mean idf where that is negative; the
  // whole
  // times k1 + 1: BM25Okapi of rank_bm25.
  Okapi,
};

struct Bm25Parameters {
  double k1 = 1.2;  // At least 0: how soon repetitions of a term stop to count.
  double b = 0.75;  // 0 to 1: how much long documents are held back.
  Bm25Formula formula = Bm25Formula::Lucene;
};

// Immutable after construction: any thread may search.
class Bm25Index {
 public:
  // Documents are numbered in their order.
  explicit Bm25Index(std::span<const std::string> texts);

  int64_t documents() const { return static_cast<int64_t>(first_entry_.size()) - 1; }
  int64_t terms() const { return static_cast<int64_t>(terms_.size()); }

  // The best `count`, at least 1, of the documents that have a term of the query, best first, of
  // equals the one with the lower number. They may be fewer, even none.
  std::vector<ScoredItem> search(std::string_view query, int64_t count,
                                 const Bm25Parameters& parameters) const;

  // The same of many queries by so many threads.
  std::vector<std::vector<ScoredItem>> search_all(std::span<const std::string> queries,
                                                  int64_t count, const Bm25Parameters& parameters,
                                                  int threads) const;

 private:
  friend class Bm25Search;

  // How often a term stands in a document of this many terms. There are few such shapes among
  // millions of postings, and k1 and b give each one weight.
  struct Shape {
    int32_t frequency, length;
  };
  struct Posting {
    int32_t document, shape;
  };
  struct Entry {  // Of a document: one of its terms.
    int32_t term, shape;
  };
  struct Term {
    size_t first_posting = 0;
    int32_t documents = 0;  // That have it.
    // Of its postings: the bounds of a score.
    int32_t most_frequent = 0, shortest = INT32_MAX;
  };

  int64_t add_document(const std::string& text);  // Returns its length in terms.
  void sort_postings();
  double idf(const Term& term, Bm25Formula formula) const;

  std::unordered_map<std::string, int32_t> term_ids_;
  std::unordered_map<uint64_t, int32_t> shape_ids_;
  std::vector<Term> terms_;
  std::vector<Shape> shapes_;
  std::vector<Posting> postings_;    // By term, then document.
  std::vector<Entry> entries_;       // By document.
  std::vector<size_t> first_entry_;  // By document; one more at the end.
  double mean_length_ = 0;
  double okapi_floor_ = 0;
};

}  // namespace seqsweep
