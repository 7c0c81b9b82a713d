#include "core/text/bm25.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>
#include <thread>
#include <utility>

#include "core/base/check.h"
#include "core/text/terms.h"

namespace seqsweep {
namespace {

constexpr float kUntouched = -std::numeric_limits<float>::infinity();

// A little less, so that no document is given up for rounding.
float a_little_below(float score) {
  return score - 1e-5F * std::abs(score);
}

}  // namespace

// Searches of one thread. Terms are taken from the one with the most to give to the one with the
// least. As soon as what is left cannot lift a new document into the best list, only documents that
// have a score already are looked at, of these only those that can still get there, and ever fewer
// (Turtle & Flood 1995).
class Bm25Search {
 public:
  Bm25Search(const Bm25Index& index, const Bm25Parameters& parameters)
      : index_(index), parameters_(parameters), scores_(index.documents(), kUntouched) {
    SEQ_CHECK(std::isfinite(parameters.k1) && parameters.k1 >= 0 && parameters.b >= 0 &&
              parameters.b <= 1);
    weights_.reserve(index.shapes_.size());
    for (const Bm25Index::Shape& shape : index.shapes_) {
      weights_.push_back(static_cast<float>(weight(shape.frequency, shape.length)));
    }
  }

  std::vector<ScoredItem> run(std::string_view query, int64_t count) {
    SEQ_CHECK(count >= 1);
    read(query);
    const bool may_prune = std::all_of(query_.begin(), query_.end(),
                                       [](const QueryTerm& term) { return term.idf >= 0; });
    float given = 0, least = kUntouched;
    size_t taken = 0;
    while (taken < query_.size()) {
      add_everywhere(query_[taken]);
      given += query_[taken].most;
      const float rest = rest_after(taken++);
      if (!may_prune || rest >= given) continue;  // The best so far have less than `given`.
      least = least_of_best(touched_, count);
      if (rest < a_little_below(least)) break;
    }
    std::vector<int32_t> candidates = touched_;
    const auto drop_hopeless = [&](float rest) {
      least = std::max(least, least_of_best(candidates, count));
      const float needed = a_little_below(least) - rest;
      std::erase_if(candidates, [&](int32_t document) { return scores_[document] < needed; });
    };
    drop_hopeless(taken == 0 ? 0 : rest_after(taken - 1));
    for (; taken < query_.size(); ++taken) {
      add_to(candidates, query_[taken]);
      drop_hopeless(rest_after(taken));
    }
    std::sort(candidates.begin(), candidates.end());  // Best lists are offered ids in order.
    BestList best(count);
    for (const int32_t document : candidates) best.offer(document, scores_[document]);
    for (const int32_t document : touched_) scores_[document] = kUntouched;
    touched_.clear();
    return best.take();
  }

 private:
  struct QueryTerm {
    int32_t term;
    float idf, most;  // `most`: that it can give to a document.
  };

  // Of a term with this frequency in a document of this length.
  double weight(int32_t frequency, int32_t length) const {
    const auto& [k1, b, formula] = parameters_;
    const double norm = k1 * (1 - b + b * length / index_.mean_length_);
    return frequency / (frequency + norm) * (formula == Bm25Formula::Okapi ? k1 + 1 : 1);
  }

  void read(std::string_view query) {
    query_.clear();
    std::vector<int32_t> ids;
    for (const std::string& text : terms_of(query)) {
      const auto known = index_.term_ids_.find(text);
      if (known != index_.term_ids_.end()) ids.push_back(known->second);
    }
    std::sort(ids.begin(), ids.end());
    for (size_t i = 0; i < ids.size();) {
      const Bm25Index::Term& term = index_.terms_[ids[i]];
      const auto times = std::upper_bound(ids.begin() + i, ids.end(), ids[i]) - (ids.begin() + i);
      const double idf = static_cast<double>(times) * index_.idf(term, parameters_.formula);
      query_.push_back({ids[i], static_cast<float>(idf),
                        static_cast<float>(idf * weight(term.most_frequent, term.shortest))});
      i += times;
    }
    std::stable_sort(query_.begin(), query_.end(),
                     [](const QueryTerm& a, const QueryTerm& b) { return a.most > b.most; });
  }

  // The most that the terms behind this one can give to a document.
  float rest_after(size_t taken) const {
    float rest = 0;
    for (size_t i = taken + 1; i < query_.size(); ++i) rest += query_[i].most;
    return rest;
  }

  std::span<const Bm25Index::Posting> postings_of(const QueryTerm& query) const {
    const Bm25Index::Term& term = index_.terms_[query.term];
    return std::span(index_.postings_).subspan(term.first_posting, term.documents);
  }

  void add_everywhere(const QueryTerm& query) {
    for (const Bm25Index::Posting& posting : postings_of(query)) {
      float& score = scores_[posting.document];
      if (score == kUntouched) {
        touched_.push_back(posting.document);
        score = 0;
      }
      score += query.idf * weights_[posting.shape];
    }
  }

  // To these documents; others may get it too.
  void add_to(const std::vector<int32_t>& documents, const QueryTerm& query) {
    // Postings lie in a row, documents' entries all over memory.
    constexpr size_t kPostingsForADocument = 32;
    const auto postings = postings_of(query);
    if (postings.size() < kPostingsForADocument * documents.size()) {
      for (const Bm25Index::Posting& posting : postings) {  // What is untouched stays so: -inf.
        scores_[posting.document] += query.idf * weights_[posting.shape];
      }
      return;
    }
    for (const int32_t document : documents) scores_[document] += score_of(query, document);
  }

  // The last of the best list; nothing is below kUntouched, which stands for a list that is not
  // full.
  float least_of_best(const std::vector<int32_t>& documents, int64_t count) const {
    if (static_cast<int64_t>(documents.size()) < count) return kUntouched;
    BestList best(count);
    for (const int32_t document : documents) best.offer(document, scores_[document]);
    return best.items().back().score;
  }

  float score_of(const QueryTerm& query, int32_t document) const {
    const auto* entry = index_.entries_.data() + index_.first_entry_[document];
    const auto* end = index_.entries_.data() + index_.first_entry_[document + 1];
    for (; entry < end; ++entry) {
      if (entry->term == query.term) return query.idf * weights_[entry->shape];
    }
    return 0;
  }

  const Bm25Index& index_;
  Bm25Parameters parameters_;
  std::vector<float> weights_;  // By shape.
  std::vector<float> scores_;   // By document, so far.
  std::vector<int32_t> touched_;
  std::vector<QueryTerm> query_;
};

Bm25Index::Bm25Index(std::span<const std::string> texts) : first_entry_{0} {
  SEQ_CHECK(texts.size() < INT32_MAX);
  int64_t length = 0;
  for (const std::string& text : texts) length += add_document(text);
  // Without any term nothing is ever found, and this is never used.
  mean_length_ = static_cast<double>(length) / std::max<double>(1, texts.size());
  sort_postings();
  double sum = 0;
  for (const Term& term : terms_) {
    sum += std::log((documents() - term.documents + 0.5) / (term.documents + 0.5));
  }
  okapi_floor_ = terms_.empty() ? 0 : 0.25 * sum / static_cast<double>(terms_.size());
}

int64_t Bm25Index::add_document(const std::string& text) {
  std::vector<int32_t> ids;
  for (std::string& term : terms_of(text)) {
    const auto [known, fresh] =
        term_ids_.try_emplace(std::move(term), static_cast<int32_t>(terms_.size()));
    if (fresh) terms_.emplace_back();
    ids.push_back(known->second);
  }
  const auto length = static_cast<int32_t>(ids.size());
  std::sort(ids.begin(), ids.end());
  for (auto id = ids.begin(); id != ids.end();) {
    const auto next = std::upper_bound(id, ids.end(), *id);
    const auto frequency = static_cast<int32_t>(next - id);
    const uint64_t key = static_cast<uint64_t>(frequency) << 32 | static_cast<uint32_t>(length);
    const auto [shape, fresh] = shape_ids_.try_emplace(key, static_cast<int32_t>(shapes_.size()));
    if (fresh) shapes_.push_back({frequency, length});
    entries_.push_back({*id, shape->second});
    Term& term = terms_[*id];
    ++term.documents;
    term.most_frequent = std::max(term.most_frequent, frequency);
    term.shortest = std::min(term.shortest, length);
    id = next;
  }
  first_entry_.push_back(entries_.size());
  return length;
}

void Bm25Index::sort_postings() {
  std::vector<size_t> next(terms_.size());
  size_t first = 0;
  for (size_t i = 0; i < terms_.size(); ++i) {
    terms_[i].first_posting = next[i] = first;
    first += terms_[i].documents;
  }
  postings_.resize(first);
  for (int32_t document = 0; document < documents(); ++document) {
    for (size_t i = first_entry_[document]; i < first_entry_[document + 1]; ++i) {
      postings_[next[entries_[i].term]++] = {document, entries_[i].shape};
    }
  }
}

double Bm25Index::idf(const Term& term, Bm25Formula formula) const {
  const double odds = (documents() - term.documents + 0.5) / (term.documents + 0.5);
  if (formula == Bm25Formula::Lucene) return std::log1p(odds);
  return odds < 1 ? okapi_floor_ : std::log(odds);
}

std::vector<ScoredItem> Bm25Index::search(std::string_view query, int64_t count,
                                          const Bm25Parameters& parameters) const {
  return Bm25Search(*this, parameters).run(query, count);
}

std::vector<std::vector<ScoredItem>> Bm25Index::search_all(std::span<const std::string> queries,
                                                           int64_t count,
                                                           const Bm25Parameters& parameters,
                                                           int threads) const {
  SEQ_CHECK(threads >= 1);
  std::vector<std::vector<ScoredItem>> found(queries.size());
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    Bm25Search search(*this, parameters);
    for (size_t i; (i = next.fetch_add(1)) < queries.size();)
      found[i] = search.run(queries[i], count);
  };
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(work);
  work();
  for (std::thread& thread : others) thread.join();
  return found;
}

}  // namespace seqsweep
