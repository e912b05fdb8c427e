/* Classes of x86-64 instructions, after the opcode maps in the Intel 64 Software Developer's
 * Manual, volume 2, appendix A. */
#include "plugin.h"

typedef struct {
  int map;      /* 0: one byte; 1: 0F; 2: 0F 38; 3: 0F 3A; 5, 6: half precision */
  int prefix;   /* 0: none; 1: 66; 2: F3; 3: F2 */
  bool extended; /* VEX or EVEX */
  uint8_t code, rest;
  bool memory; /* if it has an operand byte, whether that names memory */
} opcode;

static bool among(uint8_t code, const char *list, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (code == (uint8_t)list[i]) return true;
  return false;
}
#define AMONG(code, list) among(code, list, sizeof(list) - 1)

static opcode parse(const uint8_t *at, size_t size) {
  const uint8_t *end = at + size;
  opcode found = {0};
  for (; at < end && AMONG(*at, "\x66\x67\xf2\xf3\xf0\x2e\x36\x3e\x26\x64\x65"); at++)
    found.prefix = *at == 0x66 ? 1 : *at == 0xf3 ? 2 : *at == 0xf2 ? 3 : found.prefix;
  if (at < end && (*at & 0xf0) == 0x40) at++; /* REX */
  if (at + 3 < end && *at == 0x62) {
    found.map = at[1] & 7, found.prefix = at[2] & 3, found.extended = true, at += 4;
  } else if (at + 3 < end && *at == 0xc4) {
    found.map = at[1] & 31, found.prefix = at[2] & 3, found.extended = true, at += 3;
  } else if (at + 2 < end && *at == 0xc5) {
    found.map = 1, found.prefix = at[1] & 3, found.extended = true, at += 2;
  } else if (at + 1 < end && *at == 0x0f) {
    at++, found.map = 1;
    if (at + 1 < end && (*at == 0x38 || *at == 0x3a)) found.map = *at++ == 0x38 ? 2 : 3;
  }
  if (at < end) found.code = *at++;
  if (at < end) found.rest = *at;
  found.memory = found.rest < 0xc0;
  return found;
}

static int one_byte(const opcode *o) {
  uint8_t code = o->code, field = (o->rest >> 3) & 7;
  if ((code & 0xf0) == 0x70 || (code & 0xfc) == 0xe0) return BRANCH;
  if (AMONG(code, "\xe8\xe9\xeb\xc2\xc3\xca\xcb")) return BRANCH;
  if (code == 0xff) return field >= 2 && field <= 5 ? BRANCH : field == 6 ? STORE : INTEGER;
  if ((code & 0xf8) == 0x50) return STORE;
  if ((code & 0xf8) == 0x58) return LOAD;
  if (AMONG(code, "\x8a\x8b\x63")) return o->memory ? LOAD : INTEGER;
  if (AMONG(code, "\x88\x89\xc6\xc7")) return o->memory ? STORE : INTEGER;
  if (AMONG(code, "\xa4\xa5\xaa\xab")) return STORE;
  if (AMONG(code, "\x69\x6b")) return MULTIPLY;
  if (AMONG(code, "\xf6\xf7")) return field >= 6 ? DIVIDE : field >= 4 ? MULTIPLY : INTEGER;
  return AMONG(code, "\x90\x9b\xcc\xcd\xf4") ? OTHER : INTEGER;
}

static int two_bytes_general(const opcode *o) {
  uint8_t code = o->code;
  if ((code & 0xf0) == 0x80) return BRANCH;
  if (AMONG(code, "\x18\x0d")) return PREFETCH;
  if (AMONG(code, "\xb6\xb7\xbe\xbf")) return o->memory ? LOAD : INTEGER;
  if (code == 0xaf) return MULTIPLY;
  if ((code & 0xf0) == 0x40 || (code & 0xf0) == 0x90 || (code & 0xf0) == 0xb0) return INTEGER;
  if (AMONG(code, "\xa3\xa4\xa5\xab\xac\xad\xc0\xc1\xc3\xc7")) return INTEGER;
  if ((code & 0xf8) == 0xc8) return INTEGER;
  return -1;
}

static int two_bytes(const opcode *o) {
  uint8_t code = o->code;
  int general = o->extended ? -1 : two_bytes_general(o);
  if (general >= 0) return general;
  if (code == 0x7e && o->prefix == 2) return o->memory ? VECTOR_LOAD : PERMUTE;
  if (AMONG(code, "\x10\x12\x16\x28\x6e\x6f\xf0")) return o->memory ? VECTOR_LOAD : PERMUTE;
  if (AMONG(code, "\x11\x13\x17\x29\x2b\x7e\x7f\xd6\xe7"))
    return o->memory ? VECTOR_STORE : PERMUTE;
  if (AMONG(code, "\x14\x15\x50\x60\x61\x62\x63\x67\x68\x69\x6a\x6b\x6c\x6d\x70\xc4\xc5\xc6\xd7"))
    return PERMUTE;
  if (AMONG(code, "\xd5\xe4\xe5\xf4\xf5")) return INTEGER_MAC;
  if (AMONG(code, "\x51\x5e")) return FLOAT_DIVIDE;
  if (AMONG(code, "\x2a\x2c\x2d\x2e\x2f\x52\x53\x58\x59\x5a\x5b\x5c\x5d\x5f\x7c\x7d\xc2\xd0\xe6"))
    return FLOAT;
  return (code >= 0x54 && code <= 0x57) || (code >= 0x64 && code <= 0x76) || code >= 0xd0
             ? VECTOR_INTEGER
             : OTHER;
}

static int three_bytes(const opcode *o) {
  uint8_t code = o->code, low = code & 15, high = code >> 4;
  if (o->extended && (high == 9 || high == 10 || high == 11) && low >= 6) return FLOAT_MAC;
  if (o->extended && code >= 0x50 && code <= 0x53) return DOT_PRODUCT;
  if (AMONG(code, "\x04\x0b\x28\x40")) return INTEGER_MAC;
  if ((high == 2 || high == 3) && low < 6) return o->memory ? VECTOR_LOAD : PERMUTE;
  if (AMONG(code, "\x18\x19\x1a\x58\x59\x5a\x78\x79")) return o->memory ? VECTOR_LOAD : PERMUTE;
  if (AMONG(code, "\x2a\x2c\x2d\x8c") || (high == 9 && low < 4)) return VECTOR_LOAD;
  if (AMONG(code, "\x2e\x2f\x8e")) return VECTOR_STORE;
  if (AMONG(code, "\x00\x0c\x0d\x16\x2b\x36")) return PERMUTE;
  if (code == 0x13) return FLOAT;
  if (high == 15) return code == 0xf6 && o->prefix == 3 ? MULTIPLY : INTEGER;
  return VECTOR_INTEGER;
}

static int with_constant(const opcode *o) {
  uint8_t code = o->code;
  if (code >= 0x08 && code <= 0x0b) return FLOAT;
  if (AMONG(code, "\x19\x39")) return o->memory ? VECTOR_STORE : PERMUTE;
  if (AMONG(code, "\x00\x01\x02\x04\x05\x06\x0c\x0d\x0e\x0f\x18\x20\x21\x22\x38\x46") ||
      (code >= 0x14 && code <= 0x17))
    return PERMUTE;
  if (AMONG(code, "\x40\x41")) return FLOAT_MAC;
  if (code == 0x1d) return FLOAT;
  return code == 0xf0 ? INTEGER : VECTOR_INTEGER;
}

bool gathers_by_4(const uint8_t *bytes, size_t size) {
  if (size < 6 || bytes[0] != 0xc4 || (bytes[1] & 31) != 2) return false;
  bool plain = bytes[1] & 0x40; /* no bit more for the index */
  bool gather = bytes[3] >= 0x90 && bytes[3] <= 0x93;
  return plain && gather && (bytes[4] & 7) == 4 && ((bytes[5] >> 3) & 7) == 4;
}

int classify_x86(const uint8_t *bytes, size_t size) {
  opcode found = parse(bytes, size);
  switch (found.map) {
    case 0: return one_byte(&found);
    case 1: return two_bytes(&found);
    case 2: return three_bytes(&found);
    case 3: return with_constant(&found);
    case 5: return AMONG(found.code, "\x10\x11\x6e\x7e") ? PERMUTE : FLOAT;
    case 6: return FLOAT_MAC;
    default: return OTHER;
  }
}
