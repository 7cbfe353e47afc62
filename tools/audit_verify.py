#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what `aire audit export` and `aire audit prove` wrote, with nothing but Python's standard library.

usage: audit_verify.py FILE [--verifier KEY] [--witness FILE]

FILE is an export, a proof or a growth ("-": standard input). KEY is the log's public key as NAME+ID+BASE64: without it
the key inside the document is believed. A witness's file (aire audit witness) brings the key along and a head that
the history must contain. Exit codes: 0 whole, 1 not whole, 2 not a document.

Written from the specifications and from docs/audit.md, not from the program: RFC 9162 sections 2.1.1, 2.1.3.2 and
2.1.4.2 (Merkle trees), RFC 8032 section 5.1 (Ed25519), C2SP signed-note, tlog-checkpoint and tlog-cosignature.
"""
import argparse
import base64
import hashlib
import json
import re
import sys

FORMAT = "aire-audit/1"
CLASS_HISTORY = 5
RECORDS_PRUNED, PLACES_FIELD = 150, 2


class Malformed(Exception):
    pass


# ---- Ed25519, checking alone (RFC 8032, section 5.1.7) ----

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def decompress(data):
    """A point as (x, y, z, t) with x = x/z, y = y/z, t = x*y/z; None when the bytes are none."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * SQRT_M1 % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(number, point):
    result = (0, 1, 1, 0)
    while number:
        if number & 1:
            result = add(result, point)
        point = add(point, point)
        number >>= 1
    return result


def same_point(p, q):
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


BASE = decompress((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519_checks(public, message, signature):
    if len(public) != 32 or len(signature) != 64:
        return False
    a, r, s = decompress(public), decompress(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= ORDER or same_point(multiply(8, a), (0, 1, 1, 0)):
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    return same_point(multiply(s, BASE), add(r, multiply(k, a)))


# ---- notes and checkpoints ----

def unbase64(text):
    try:
        data = base64.b64decode(text, validate=True)
    except (ValueError, TypeError) as error:
        raise Malformed(f"not base64: {text!r:.60}") from error
    if base64.b64encode(data).decode() != text:
        raise Malformed(f"not canonical base64: {text!r:.60}")
    return data


class Key:
    def __init__(self, text):
        match = re.fullmatch(r"([^\s+]+)\+([0-9a-f]{8})\+(\S+)", text or "")
        if not match:
            raise Malformed("a key reads NAME+ID+BASE64")
        raw = unbase64(match.group(3))
        self.text, self.name, self.type, self.public = text, match.group(1), raw[0], raw[1:]
        self.id = hashlib.sha256(self.name.encode() + b"\n" + raw).digest()[:4]
        if self.id.hex() != match.group(2) or len(raw) != 33:
            raise Malformed(f"the id of key {self.name} is not its own")

    def has_signed(self, note):
        """The note's text when this key has signed it."""
        text, separator, lines = note.rpartition("\n\n")
        if not separator or not lines.endswith("\n"):
            raise Malformed("not a signed note")
        text += "\n"
        for line in lines.splitlines():
            match = re.fullmatch("\u2014 (\\S+) (\\S+)", line)
            if not match:
                raise Malformed("not a signature line")
            raw = unbase64(match.group(2))
            if match.group(1) != self.name or raw[:4] != self.id:
                continue
            message, signature = text.encode(), raw[4:]
            if self.type == 4:  # a witness signs the time as well
                message = b"cosignature/v1\ntime %d\n" % int.from_bytes(signature[:8], "big") + message
                signature = signature[8:]
            if ed25519_checks(self.public, message, signature):
                return text
        raise ValueError(f"{self.name} has not signed this")

    def head(self, note):
        """(size, root) of a checkpoint."""
        text = self.has_signed(note)
        lines = text.split("\n")
        if len(lines) < 4 or not re.fullmatch("0|[1-9][0-9]*", lines[1]):
            raise Malformed("not a checkpoint")
        if lines[0] != self.name:
            raise ValueError(f"{self.name} has signed for another log")
        return int(lines[1]), unbase64(lines[2])


# ---- the tree ----

def leaf_hash(data):
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


class Tree:
    """The right edge: roots of whole subtrees, the largest first, with their heights."""

    def __init__(self):
        self.size, self.edge = 0, []

    def append(self, leaf):
        height = 0
        while self.edge and self.edge[-1][0] == height:
            leaf, height = node_hash(self.edge.pop()[1], leaf), height + 1
        self.edge.append((height, leaf))
        self.size += 1

    def root(self):
        if not self.edge:
            return hashlib.sha256(b"").digest()
        root = self.edge[-1][1]
        for _, left in reversed(self.edge[:-1]):
            root = node_hash(left, root)
        return root


def climb(path, node, last, join):
    """RFC 9162: from the bottom to the root; join(hash, is_left) for each. False: a wrong length."""
    for item in path:
        if last == 0:
            return False
        if node & 1 or node == last:
            join(item, True)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            join(item, False)
        node, last = node >> 1, last >> 1
    return last == 0


def includes(path, place, leaf, size, root):
    here = [leaf]

    def join(item, is_left):
        here[0] = node_hash(item, here[0]) if is_left else node_hash(here[0], item)

    return place < size and climb(path, place, size - 1, join) and here[0] == root


def grows(path, first, old_root, second, new_root):
    if first > second:
        return False
    if first == 0 or first == second:
        return not path and (first == 0 or old_root == new_root)
    if first & (first - 1) == 0:
        path = [old_root] + path
    if not path:
        return False
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old, new = [path[0]], [path[0]]

    def join(item, is_left):
        if is_left:
            old[0], new[0] = node_hash(item, old[0]), node_hash(item, new[0])
        else:
            new[0] = node_hash(new[0], item)

    return climb(path[1:], node, last, join) and old[0] == old_root and new[0] == new_root


# ---- records ----

class Record:
    """docs/audit.md: version, key, salt, then three texts with their lengths."""

    def __init__(self, data):
        self.key, self.salt, rest, texts = int.from_bytes(data[1:9], "big"), data[9:25], data[25:], []
        for _ in range(3):
            length = int.from_bytes(rest[:4], "big")
            texts.append(rest[4:4 + length])
            if len(rest) < 4 + length:
                raise Malformed("a record is cut short")
            rest = rest[4 + length:]
        if data[:1] != b"\1" or rest:
            raise Malformed("a record of an unknown form")
        self.data_key, self.personal, self.facts = texts

    def pruned(self):
        """Places that this record says are gone."""
        places = []
        if self.key % 8 != CLASS_HISTORY:
            return places
        at = 0
        while at < len(self.facts):
            number, fields, at = event(self.facts, at)
            if number == RECORDS_PRUNED and len(fields) > PLACES_FIELD and fields[PLACES_FIELD]:
                for run in fields[PLACES_FIELD].decode().split(" "):
                    match = re.fullmatch(r"(\d+)(?:-(\d+)(?:/(\d+))?)?", run)
                    if not match:
                        raise Malformed(f"not places: {run}")
                    first = int(match.group(1))
                    places.append(range(first, int(match.group(2) or first) + 1, int(match.group(3) or 1)))
        return places


def varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Malformed("an event is cut short")
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return value, at


def event(data, at):
    """(number, values by position, where the next one begins); texts as bytes."""
    number, at = varint(data, at)
    count, at = varint(data, at + 8)
    fields = []
    for _ in range(count):
        if at >= len(data):
            raise Malformed("an event is cut short")
        wire, at, value = data[at], at + 1, None
        if wire in (1, 2):
            value, at = varint(data, at)
        elif wire == 3:
            value, at = data[at:at + 8], at + 8
        elif wire == 4:
            length, at = varint(data, at)
            value, at = data[at:at + length], at + length
        elif wire not in (0, 5):
            raise Malformed("an unknown kind of field")
        fields.append(value)
    if at > len(data):
        raise Malformed("an event is cut short")
    return number, fields, at


# ---- documents ----

class Check:
    def __init__(self):
        self.faults, self.records, self.gone = [], 0, 0

    def head(self, key, note, whose):
        try:
            return key.head(note)
        except ValueError as error:
            self.faults.append(f"the {whose} is not signed well: {error}")
            return None

    def export(self, key, document, lines, witness):
        heads = [(self.head(key, document["checkpoint"], "checkpoint"), "checkpoint"), (witness, "witness")]
        heads = [(head, whose) for head, whose in heads if head]
        tree, missing, pruned = Tree(), [], set()

        def meet():
            for (size, root), whose in heads:
                if size == tree.size and root != tree.root():
                    self.faults.append(f"the {whose} signed another root of the first {size} records")

        meet()
        for line in lines:
            item = json.loads(line)
            if item.get("place") != tree.size:
                raise Malformed("places do not follow each other")
            if "hash" in item:
                missing.append(tree.size)
                leaf = unbase64(item["hash"])
            else:
                data = unbase64(item["record"])
                for run in Record(data).pruned():
                    if run and run[-1] >= tree.size:
                        raise Malformed("a record says what is gone behind it")
                    pruned.update(run)
                leaf, self.records = leaf_hash(data), self.records + 1
            tree.append(leaf)
            if any(size == tree.size for (size, _), _ in heads):
                meet()
        for place in missing:
            if place in pruned:
                self.gone += 1
            else:
                self.faults.append(f"record {place} was removed, and nothing says why")
        for (size, _), whose in heads:
            if size > tree.size:
                self.faults.append(f"the {whose} signed {size} records, and only {tree.size} are there")
        if heads and heads[0][1] == "checkpoint" and tree.size > heads[0][0][0]:
            self.faults.append("there are more records than the checkpoint signed")

    def proof(self, key, document, witness):
        head = self.head(key, document["checkpoint"], "checkpoint")
        if not document["records"]:
            raise Malformed("no records")
        for item in document["records"] if head else []:
            data = unbase64(item["record"])
            Record(data)
            self.records += 1
            if not includes([unbase64(h) for h in item["path"]], item["place"], leaf_hash(data), *head):
                self.faults.append(f"leaf {item['place']} and its proof lead to another root")
        self.compare(head, witness)

    def growth(self, key, document, witness):
        first, second = self.head(key, document["from"], "from"), self.head(key, document["checkpoint"], "checkpoint")
        if first and second and not grows([unbase64(h) for h in document["path"]], *first, *second):
            self.faults.append("the later history does not begin with the earlier one")
        self.compare(second, witness)

    def compare(self, head, witness):
        if head and witness and head[0] == witness[0] and head[1] != witness[1]:
            self.faults.append(f"the witness signed another root of the first {head[0]} records")


def witness_of(path):
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    log, own = Key(document["verifier"]), Key(document["witness"])
    own.has_signed(document["checkpoint"])
    return log, log.head(document["checkpoint"])


def verify(lines, verifier, witness_path):
    document = json.loads(next(lines))
    if document.get("format") != FORMAT:
        raise Malformed(f"this is no {FORMAT} document")
    log, witness = witness_of(witness_path) if witness_path else (None, None)
    key = Key(verifier) if verifier else log or Key(document["verifier"])
    check = Check()
    if document["kind"] == "export":
        check.export(key, document, lines, witness)
    elif document["kind"] in ("proof", "growth"):
        getattr(check, document["kind"])(key, document, witness)
        if "".join(lines).strip():
            raise Malformed("something stands behind the document")
    else:
        raise Malformed("an unknown kind of document")
    return check, key, bool(verifier or witness_path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--verifier")
    parser.add_argument("--witness")
    options = parser.parse_args()
    try:
        file = sys.stdin if options.file == "-" else open(options.file, encoding="utf-8")
        with file:
            check, key, pinned = verify(iter(file), options.verifier, options.witness)
    except (Malformed, OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
        print(f"audit_verify: {error or type(error).__name__}", file=sys.stderr)
        return 2
    for fault in check.faults[:20]:
        print(fault)
    print(f"{'NOT WHOLE' if check.faults else 'whole'}: {check.records} records, {check.gone} gone by retention")
    print(f"signed by {key.text}" + ("" if pinned else " (taken on trust: compare it, or give --verifier)"))
    return 1 if check.faults else 0


if __name__ == "__main__":
    sys.exit(main())
