"""Writes tokenizers.json: tiny tokenizers of every kind, trained on a few sentences, and what tokenizers and
sentencepiece make of texts with them.

Bytes are in hexadecimal: texts need not be UTF-8 (the packages get decode("utf-8", "replace")), nor is a model.
"""

import io
import json
import random
import sys
import tempfile
from pathlib import Path

import sentencepiece
from tokenizers import (AddedToken, ByteLevelBPETokenizer, Regex, Tokenizer, decoders, models, normalizers,
                        pre_tokenizers, trainers)

SENTENCES = [
    "Toy Story (1995)", "It's a Wonderful Life (1946)", "The Lord of the Rings: The Two Towers", "caf\u00e9 cr\u00e8me",
    "the theory of the other there", "20,000 Leagues Under the Sea", "don't you know we'll see they're here",
    "Previously, the customer has bought: shampoo. In the future, the customer wants to buy soap",
    "\u6771\u4eac\u7269\u8a9e (1953)", "Am\u00e9lie  -  Le fabuleux destin", "low lower lowest newer newest wide wider widest",
    "Star Wars: Episode IV - A New Hope (1977)", "The Good, the Bad and the Ugly", "aaaa aaa aa a",
]
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
END = "<|endoftext|>"
PIECES = ["the ", "The", "it's", "DON'T", " (1995)", "caf\u00e9", "e\u0301", "\u212b", "\u6771\u4eac", "\u2581", "  ", "   \n", "\t", "\u00a0",
          "\u180e", "\u3000", END, "<s>", "</s>", "<unk>", "<0x41>", "<pad>", " <mask> ", "<word>", "x<word>", "[cut]", "low", "est",
          "aaaaaaa", "1,234.5", "!!", "\U0001f600", "\U000105d0", "\U00011f50", "\ufffd", "'", "\u1e0b\u0323"]
MALFORMED = [b"\xff", b"\xe2\x82", b"\xf0\x9f\x98", b"\xc0\xaf", b"\xed\xa0\x80", b"\x80\x80", b"\xf4\x90\x80\x80"]


def texts():
    draw = random.Random(1)
    made = [text.encode() for text in ["", " ", "  ", "Hello world", *SENTENCES]] + MALFORMED
    for _ in range(40):
        parts = []
        for _ in range(draw.randrange(1, 9)):
            kind = draw.randrange(6)
            if kind == 0:
                parts.append(draw.choice(MALFORMED))
            elif kind == 1:
                parts.append(chr(draw.choice([draw.randrange(0x20, 0x2000), draw.randrange(0x10000, 0x110000)])).encode())
            elif kind == 2:
                parts.append(draw.choice(SENTENCES).encode()[:draw.randrange(20)])
            else:
                parts.append(draw.choice(PIECES).encode())
        made.append(b"".join(parts))
    made.append(" ".join(SENTENCES).encode())
    return made


def case(name, files, encode, decode, size):
    draw = random.Random(2)
    tokens = [encode(text.decode("utf-8", "replace")) for text in texts()]
    drawn = [[draw.randrange(size) for _ in range(draw.randrange(12))] for _ in range(30)]
    return {"name": name, "size": size, "files": {key: value.hex() for key, value in files.items()}, "tokens": tokens,
            "drawn": drawn, "decoded": [decode(ids) for ids in tokens + drawn]}


def hugging_face(name, tokenizer, files=None, decoder=None):
    """The package shows a normalised added token in its normalised form, special or not; `decoder` has it as written."""
    decoder = decoder or tokenizer
    files = files or {"tokenizer.json": tokenizer.to_str().encode()}
    return case(name, files, lambda text: tokenizer.encode(text, add_special_tokens=False).ids,
                lambda ids: decoder.decode(ids, skip_special_tokens=True), tokenizer.get_vocab_size())


def gpt2():
    made = ByteLevelBPETokenizer()
    made.train_from_iterator(SENTENCES, vocab_size=330, min_frequency=2, special_tokens=[END], show_progress=False)
    with tempfile.TemporaryDirectory() as folder:
        made.save_model(folder)
        files = {name: (Path(folder) / name).read_bytes() for name in ("vocab.json", "merges.txt")}
        loaded = ByteLevelBPETokenizer(f"{folder}/vocab.json", f"{folder}/merges.txt")
    loaded.add_special_tokens([END])
    return hugging_face("gpt2", loaded, files)


def trained(special):
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.train_from_iterator(SENTENCES, trainers.BpeTrainer(
        vocab_size=330, min_frequency=2, special_tokens=special, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return made


def gpt_neox(normalized):
    made = trained([END])
    made.normalizer = normalizers.NFC()
    made.add_special_tokens(["<pad>"])
    made.add_tokens([AddedToken(" " * n, normalized=normalized) for n in range(8, 1, -1)])
    made.add_tokens([AddedToken("<mask>", lstrip=True, rstrip=True), AddedToken("<word>", single_word=True),
                     AddedToken("e\u0301", normalized=normalized)])
    return made


def llama3():
    made = trained([END])
    made.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(LLAMA3), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    # With ignore_merges an entry is a token although no merge leads to it.
    definition = json.loads(made.to_str())
    definition["model"]["ignore_merges"] = True
    definition["model"]["merges"] = definition["model"]["merges"][:30]
    return hugging_face("llama3", Tokenizer.from_str(json.dumps(definition)))


def prefix_space():
    made = trained([END])
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    return hugging_face("prefix_space", made)


def sentencepiece_model(**options):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES), model_writer=model, model_type="bpe", vocab_size=options.pop("vocab_size", 420),
        normalization_rule_name="identity", minloglevel=2, **options)
    return model.getvalue()


def sentencepiece_case(name, model):
    made = sentencepiece.SentencePieceProcessor(model_proto=model)
    return case(name, {"tokenizer.model": model}, made.encode, made.decode, made.get_piece_size())


def llama_definition(model):
    """As Hugging Face converts a tokenizer.model: merges are all pairs of pieces that are a piece together."""
    made = sentencepiece.SentencePieceProcessor(model_proto=model)
    vocabulary = {made.id_to_piece(i): i for i in range(made.get_piece_size())}
    merges = []
    for piece, i in vocabulary.items():
        pairs = [(piece[:at], piece[at:]) for at in range(1, len(piece))]
        known = [pair for pair in pairs if pair[0] in vocabulary and pair[1] in vocabulary]
        merges += [(made.get_score(i), pair) for pair in sorted(known, key=lambda x: (vocabulary[x[0]], vocabulary[x[1]]))]
    merges = [pair for _, pair in sorted(merges, key=lambda x: -x[0])]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(),
                                           decoders.Strip(" ", 1, 0)])
    return tokenizer


def llama(model, normalized):
    made = llama_definition(model)
    made.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    made.add_special_tokens([AddedToken(text, normalized=normalized) for text in ("<unk>", "<s>", "</s>")])
    return made


def metaspace(model, scheme, split, decoder):
    made = llama_definition(model)
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split)
    if decoder:
        made.decoder = decoders.Metaspace(prepend_scheme=scheme)
    made.add_special_tokens(["<s>", "</s>"])
    made.add_tokens([AddedToken("[cut]", normalized=False)])
    return hugging_face(f"metaspace_{scheme}", made)


def without_bytes():
    """No byte fall-back: what is unknown is <unk>, one for each character."""
    definition = json.loads(llama_definition(sentencepiece_model(byte_fallback=False, vocab_size=160)).to_str())
    definition["model"].update(byte_fallback=False, fuse_unk=False)
    definition["decoder"] = {"type": "Fuse"}
    return hugging_face("without_bytes", Tokenizer.from_str(json.dumps(definition)))


def main():
    model = sentencepiece_model(byte_fallback=True, add_dummy_prefix=True, remove_extra_whitespaces=False)
    cases = [gpt2(), hugging_face("gpt_neox", gpt_neox(True), decoder=gpt_neox(False)), llama3(), prefix_space(),
             hugging_face("llama_normalized_false", llama(model, False)),
             hugging_face("llama_normalized_true", llama(model, True), decoder=llama(model, False)),
             metaspace(model, "first", False, False), metaspace(model, "always", True, True),
             metaspace(model, "never", False, True), without_bytes(), sentencepiece_case("sentencepiece", model),
             sentencepiece_case("sentencepiece_user", sentencepiece_model(
                 byte_fallback=False, vocab_size=160, user_defined_symbols=["[cut]", "<word>"], unk_surface=" ? ")),
             sentencepiece_case("sentencepiece_bare", sentencepiece_model(
                 byte_fallback=True, add_dummy_prefix=False, remove_extra_whitespaces=False, bos_id=-1))]
    definition = json.loads(trained([END]).to_str())["model"]
    golden = {"texts": [text.hex() for text in texts()], "cases": cases,
              "training": {"texts": SENTENCES, "size": 330, "vocabulary": definition["vocab"],
                                           "merges": [" ".join(pair) for pair in definition["merges"]]}}
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(golden, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


main()
