"""Writes bm25.json: scores of all documents for some queries by bm25s (method="lucene") and rank_bm25 (BM25Okapi)."""

import json
import random
import re
import sys

import bm25s
import numpy
import rank_bm25

WORDS = ["shampoo", "soap", "natural", "organic", "hair", "oil", "argan", "face", "cream", "Night", "DAY", "ounce", "2", "12",
         "pack", "of", "the", "and", "for", "caf\u00e9", "men", "women", "kit"]


def terms_of(text):
    return re.findall(r"\w+", text.lower())


def main():
    draw = random.Random(4)
    words = WORDS + [word for word in WORDS[:12] for _ in range(3)]
    documents = [" ".join(draw.choice(words) for _ in range(draw.randrange(1, 12))) + draw.choice(["", "!", " (new)"])
                 for _ in range(60)] + ["", "the the the the soap"]
    queries = ["argan oil", "night cream for women", "the the soap", "nothing", "CAF\u00c9 kit, 12 pack", "of the", "new",
               "natural organic shampoo of argan oil and cream for the hair"]
    corpus = [terms_of(document) for document in documents]
    cases = []
    for k1, b in [(1.2, 0.75), (0.9, 0.4), (2.0, 0.9), (1.5, 0.0)]:
        lucene = bm25s.BM25(method="lucene", k1=k1, b=b, dtype="float64")
        lucene.index(corpus, show_progress=False)
        okapi = rank_bm25.BM25Okapi(corpus, k1=k1, b=b)
        for query in queries:
            known = [term for term in terms_of(query) if term in lucene.vocab_dict]
            zeros = numpy.zeros(len(corpus))
            cases.append({"k1": k1, "b": b, "query": query,
                          "lucene": (lucene.get_scores(known) if known else zeros).tolist(),
                          "okapi": okapi.get_scores(terms_of(query)).tolist()})
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump({"documents": documents, "cases": cases}, file, ensure_ascii=False)
        file.write("\n")


main()
