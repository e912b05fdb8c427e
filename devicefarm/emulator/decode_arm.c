/* Classes of aarch64 instructions, after the encodings in the Arm Architecture Reference Manual,
 * section C4.1. */
#include "plugin.h"

static uint32_t bits(uint32_t word, int from, int count) {
  return (word >> from) & ((1u << count) - 1);
}

static int memory(uint32_t w) {
  bool vector = bits(w, 26, 1), load = bits(w, 22, 1);
  uint32_t size = bits(w, 30, 2), kind = bits(w, 22, 2);
  if ((w & 0x3a000000) == 0x28000000) { /* pairs */
    if (vector) return load ? VECTOR_LOAD_PAIR : VECTOR_STORE;
    return load ? LOAD_PAIR : STORE;
  }
  if ((w & 0x3b000000) == 0x18000000) /* literals */
    return vector ? VECTOR_LOAD : size == 3 ? PREFETCH : LOAD;
  if ((w & 0x3a000000) == 0x38000000) { /* one register */
    if (vector) return load ? VECTOR_LOAD : VECTOR_STORE;
    if (size == 3 && kind == 2) return PREFETCH;
    return kind ? LOAD : STORE;
  }
  if (vector) return load ? VECTOR_LOAD : VECTOR_STORE; /* structures */
  return load ? LOAD : STORE;                           /* exclusive, acquire and release */
}

static int by_element(uint32_t w) {
  uint32_t operation = bits(w, 12, 4);
  bool second = bits(w, 29, 1);
  switch (operation) {
    case 1: case 5: return FLOAT_MAC; /* FMLA, FMLS */
    case 9: return FLOAT;             /* FMUL, FMULX */
    case 14: case 15: return DOT_PRODUCT;
    case 0: case 4: return second ? INTEGER_MAC : FLOAT_MAC; /* MLA, MLS; FMLAL, FMLSL */
    default: return INTEGER_MAC;
  }
}

static int three_same(uint32_t w) {
  uint32_t operation = bits(w, 11, 5);
  bool second = bits(w, 29, 1);
  if (operation == 0x12 || operation == 0x13 || operation == 0x16) return INTEGER_MAC;
  if (operation < 0x18) return VECTOR_INTEGER;
  if (operation == 0x19) return FLOAT_MAC;
  if (operation == 0x1d && !second) return FLOAT_MAC; /* FMLAL, FMLSL */
  if (operation == 0x1f && second) return FLOAT_DIVIDE;
  return FLOAT;
}

static int two_registers(uint32_t w) {
  uint32_t operation = bits(w, 12, 5);
  if (operation == 0x1f && bits(w, 29, 1)) return FLOAT_DIVIDE; /* FSQRT */
  if (operation >= 0x16) return FLOAT;
  return operation >= 0x0c && operation <= 0x0f && bits(w, 23, 1) ? FLOAT : VECTOR_INTEGER;
}

static int vector(uint32_t w) {
  if (bits(w, 24, 1)) { /* by element, or an immediate */
    if (!bits(w, 10, 1)) return by_element(w);
    if (!bits(w, 19, 4)) return PERMUTE; /* a constant */
    uint32_t operation = bits(w, 11, 5);
    return operation == 0x1c || operation == 0x1f ? FLOAT : VECTOR_INTEGER;
  }
  if (bits(w, 21, 1)) {
    if (bits(w, 10, 1)) return three_same(w);
    if (!bits(w, 11, 1)) { /* three registers, of different widths */
      uint32_t operation = bits(w, 12, 4);
      return operation >= 8 && operation != 15 ? INTEGER_MAC : VECTOR_INTEGER;
    }
    if (bits(w, 17, 4) == 0) return two_registers(w);
    if (bits(w, 17, 4) == 8) /* across lanes */
      return bits(w, 12, 5) == 0x0c || bits(w, 12, 5) == 0x0f ? FLOAT : VECTOR_INTEGER;
    return VECTOR_INTEGER;
  }
  if (bits(w, 15, 1) && bits(w, 10, 1)) { /* dot products and matrix products */
    uint32_t operation = bits(w, 11, 4);
    if (operation < 2) return INTEGER_MAC; /* SQRDMLAH, SQRDMLSH */
    return operation < 8 || operation >= 13 ? DOT_PRODUCT : FLOAT_MAC;
  }
  return PERMUTE; /* DUP, INS, UMOV, ZIP, UZP, TRN, TBL, EXT */
}

static int scalar_float(uint32_t w) {
  if (bits(w, 24, 1)) return FLOAT_MAC; /* FMADD and its kin */
  if (!bits(w, 21, 1)) return FLOAT;    /* conversions with fixed point */
  if (bits(w, 10, 2) == 2) return bits(w, 12, 4) == 1 ? FLOAT_DIVIDE : FLOAT;
  if (bits(w, 10, 6) == 0) /* conversions; 6 and 7 are FMOV */
    return bits(w, 16, 3) >= 6 ? PERMUTE : FLOAT;
  if (bits(w, 10, 5) == 0x10) { /* one source */
    uint32_t operation = bits(w, 15, 6);
    return operation == 0 ? PERMUTE : operation == 3 ? FLOAT_DIVIDE : FLOAT;
  }
  return bits(w, 10, 3) == 4 ? PERMUTE : FLOAT; /* FMOV of a constant; compare, select */
}

int classify_arm(uint32_t w) {
  uint32_t group = bits(w, 25, 4);
  if ((group & 5) == 4) return memory(w);
  if ((group & 7) == 7) {
    if ((w & 0x5e000000) == 0x1e000000) return scalar_float(w);
    return (w & 0x8e000000) == 0x0e000000 ? vector(w) : OTHER;
  }
  if ((group & 14) == 10)
    return bits(w, 22, 10) == 0x354 || bits(w, 24, 8) == 0xd4 ? OTHER : BRANCH;
  if ((group & 7) == 5) {
    if ((w & 0x1f000000) == 0x1b000000) return MULTIPLY;
    if ((w & 0x5fe0f800) == 0x1ac00800) return DIVIDE;
    return INTEGER;
  }
  return (group & 14) == 8 ? INTEGER : OTHER;
}
