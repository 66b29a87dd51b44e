#!/usr/bin/env python3
"""Decodes the golden payloads of this folder a second time, from docs/formats/ alone.

Shares no code with src/codec, so that it tells a wrong document, or a decoder and an encoder that are
wrong alike. Exit code 1 if a payload does not decode to the .f32 file beside it.
"""
import pathlib
import struct
import sys
import zlib

FOLDER = pathlib.Path(__file__).parent
CHANNELS, PLANE = 6, 9 * 11
COUNT = CHANNELS * PLANE
RANGE = (-1.25, 4.5)


def read(name):
    return (FOLDER / name).read_bytes()


def f32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def tables():
    data = read("tables.rans")
    magic, version, bits, zero, channels, groups, zero2 = struct.unpack_from("<4sHBBIHH", data)
    assert (magic, version, bits, zero, zero2) == (b"ISRT", 1, 14, 0, 0)
    assert zlib.crc32(data[:-4]) == struct.unpack("<I", data[-4:])[0]
    group_of = data[16:16 + channels]
    rows = [struct.unpack_from("<256H", data, 16 + channels + 512 * g) for g in range(groups)]
    assert all(sum(row) == 1 << 14 and min(row) >= 1 for row in rows)
    return [rows[g] for g in group_of]


def grid(low, high):
    step = (high - low) / 255
    if low <= 0 <= high and step > 0:
        zero_point = round(-low / step)  # Half to even.
        return [f32((code - zero_point) * step) for code in range(256)]
    return [f32(low + code * step) for code in range(256)]


def affine(payload, calibrated):
    """The values of the codes, and what follows the range."""
    if calibrated:
        return grid(*RANGE), payload
    return grid(*struct.unpack_from("<2f", payload)), payload[8:]


def decode_f16(payload):
    return struct.unpack(f"<{COUNT}e", payload)


def decode_u8(payload, calibrated=False):
    values, codes = affine(payload, calibrated)
    assert len(codes) == COUNT
    return [values[c] for c in codes]


def decode_rans(payload, calibrated=False):
    values, body = affine(payload[1:], calibrated)
    if payload[0] == 0:
        assert len(body) == COUNT
        return [values[c] for c in body]
    states = list(struct.unpack_from("<8I", body))
    words = iter(struct.unpack(f"<{len(body) // 2 - 16}H", body[32:]))
    result = []
    for row in tables():
        symbol, start = [], []
        for code, frequency in enumerate(row):
            start.append(len(symbol))
            symbol += [code] * frequency
        for i in range(PLANE):
            slot = states[i % 8] & 16383
            code = symbol[slot]
            state = row[code] * (states[i % 8] >> 14) + slot - start[code]
            if state < 1 << 16:
                state = state << 16 | next(words)
            states[i % 8] = state
            result.append(values[code])
    assert states == [1 << 16] * 8 and next(words, None) is None
    return result


def decode_top(payload):
    result = []
    for row in range(COUNT // 11):
        scores = [float("-inf")] * 11
        for entry in range(5):
            index, score = struct.unpack_from("<Hf", payload, 6 * (5 * row + entry))
            scores[index] = score
        result += scores
    return result


def main():
    decoders = {
        "f16": decode_f16,
        "u8": decode_u8,
        "u8_range": lambda p: decode_u8(p, True),
        "u8+rans": decode_rans,
        "u8+rans_range": lambda p: decode_rans(p, True),
        "top5": decode_top,
    }
    wrong = 0
    for name, decode in decoders.items():
        equal = struct.pack(f"<{COUNT}f", *decode(read(name + ".payload"))) == read(name + ".f32")
        print(f"{name:14} {len(read(name + '.payload')):5} bytes  {'equal' if equal else 'WRONG'}")
        wrong += not equal
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
