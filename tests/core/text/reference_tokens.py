"""Tokens of many texts with the Python packages, for the tests beside it.

    reference_tokens.py gpt2|auto|sentencepiece PATH TEXTS TOKENS

TEXTS: for each text its length in bytes, 4 bytes little-endian, and the bytes. TOKENS: the same with int32 tokens.
"""

import struct
import sys
from array import array


def texts_of(path):
    with open(path, "rb") as file:
        while length := file.read(4):
            yield file.read(struct.unpack("<I", length)[0]).decode("utf-8", "replace")


def encoder(kind, path):
    if kind == "sentencepiece":
        import sentencepiece
        return sentencepiece.SentencePieceProcessor(model_file=path).encode
    import tokenizers
    if kind == "gpt2":
        made = tokenizers.ByteLevelBPETokenizer(f"{path}/vocab.json", f"{path}/merges.txt")
        made.add_special_tokens(["<|endoftext|>"])
    else:
        import transformers
        made = transformers.AutoTokenizer.from_pretrained(path).backend_tokenizer
    return lambda texts: [x.ids for x in made.encode_batch(texts, add_special_tokens=False)]


def main():
    kind, path, texts, tokens = sys.argv[1:]
    with open(tokens, "wb") as file:
        for ids in encoder(kind, path)(list(texts_of(texts))):
            file.write(struct.pack("<I", len(ids)) + array("i", ids).tobytes())


main()
