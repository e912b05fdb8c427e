/* Classes of 32-bit Arm instructions, A32 and T32, after the encodings in the Arm Architecture
 * Reference Manual ARMv7-A, chapters A5 to A7. What loads or stores several registers counts as a
 * pair; what loads the program counter is a load. */
#include "plugin.h"

static uint32_t bits(uint32_t word, int from, int count) {
  return (word >> from) & ((1u << count) - 1);
}

static int moved(bool load, bool several) {
  return !load ? STORE : several ? LOAD_PAIR : LOAD;
}

static bool several(uint32_t registers) { return (registers & (registers - 1)) != 0; }

static int computed(bool into_counter) { return into_counter ? BRANCH : INTEGER; }

static int three_same(uint32_t w) {
  bool second = bits(w, 4, 1), other = bits(w, 24, 1);
  switch (bits(w, 8, 4)) {
    case 9: return INTEGER_MAC;                                   /* VMLA, VMLS, VMUL */
    case 11: return second && !other ? VECTOR_INTEGER : INTEGER_MAC; /* VPADD; VQDMULH */
    case 12: return !second ? VECTOR_INTEGER : other ? INTEGER_MAC : FLOAT_MAC; /* VFMA */
    case 13: return second && !other ? FLOAT_MAC : FLOAT;         /* VMLA, VMLS of floats */
    case 14: case 15: return FLOAT;
    default: return VECTOR_INTEGER;
  }
}

static int by_scalar(uint32_t w) {
  switch (bits(w, 8, 4)) {
    case 1: case 5: return FLOAT_MAC;
    case 9: return FLOAT;
    default: return INTEGER_MAC;
  }
}

static int two_registers(uint32_t w) {
  uint32_t operation = bits(w, 7, 4);
  switch (bits(w, 16, 2)) {
    case 1: return bits(w, 10, 1) ? FLOAT : VECTOR_INTEGER;
    case 2: return operation < 4 ? PERMUTE : operation < 8 ? VECTOR_INTEGER : FLOAT;
    case 3: return FLOAT; /* conversions, estimates */
    default: return VECTOR_INTEGER;
  }
}

/* Advanced SIMD, as A32 has it. */
static int vector(uint32_t w) {
  uint32_t operation = bits(w, 8, 4);
  if (!bits(w, 23, 1)) return three_same(w);
  if (bits(w, 4, 1)) {
    if (!bits(w, 7, 1) && !bits(w, 19, 3)) return PERMUTE; /* a constant */
    return operation >= 12 ? FLOAT : VECTOR_INTEGER;       /* shifts; conversions */
  }
  if (bits(w, 20, 2) == 3) {
    if (!bits(w, 24, 1) || operation >= 8) return PERMUTE; /* VEXT, VTBL, VDUP */
    return two_registers(w);
  }
  if (bits(w, 6, 1)) return by_scalar(w);
  return operation >= 8 && operation != 15 ? INTEGER_MAC : VECTOR_INTEGER;
}

static int scalar_float(uint32_t w) {
  uint32_t source = bits(w, 16, 4);
  switch (bits(w, 20, 4) & 11) {
    case 0: case 1: case 9: case 10: return FLOAT_MAC;
    case 2: case 3: return FLOAT;
    case 8: return FLOAT_DIVIDE;
    default: break;
  }
  if (!bits(w, 6, 1)) return PERMUTE; /* a constant */
  if (source == 0) return bits(w, 7, 1) ? FLOAT : PERMUTE;
  return source == 1 && bits(w, 7, 1) ? FLOAT_DIVIDE : FLOAT; /* VSQRT */
}

/* Coprocessors' instructions; the vector unit is 10 and 11. */
static int coprocessor(uint32_t w) {
  bool load = bits(w, 20, 1), vectors = bits(w, 9, 3) == 5;
  if (bits(w, 24, 4) == 15 || !vectors) return OTHER; /* SVC; the system's */
  if (bits(w, 25, 1)) {
    if (!bits(w, 4, 1)) return scalar_float(w);
    return bits(w, 21, 3) == 7 && !bits(w, 8, 1) ? OTHER : PERMUTE; /* VMRS; VMOV, VDUP */
  }
  if (bits(w, 21, 4) == 2) return PERMUTE; /* VMOV of two */
  if (!load) return VECTOR_STORE;
  if (bits(w, 24, 1) && !bits(w, 21, 1)) return VECTOR_LOAD; /* VLDR */
  return bits(w, 0, 8) > 1u + bits(w, 8, 1) ? VECTOR_LOAD_PAIR : VECTOR_LOAD;
}

static int structures(uint32_t w) { return bits(w, 21, 1) ? VECTOR_LOAD : VECTOR_STORE; }

/* What neither A7 nor A15 has, newer cores do: VDOT, VSEL, VMAXNM and their kin. */
static int newer(uint32_t w) {
  if (bits(w, 8, 4) == 13) return DOT_PRODUCT;
  return bits(w, 9, 3) == 5 && bits(w, 25, 1) ? FLOAT : OTHER;
}

static int unconditional(uint32_t w) {
  if (bits(w, 25, 3) == 1) return vector(w);
  if ((w & 0x0f100000) == 0x04000000) return structures(w);
  if ((w & 0x0c10f000) == 0x0410f000) return (w & 0x0ff00000) == 0x05700000 ? OTHER : PREFETCH;
  if (bits(w, 25, 3) == 5) return BRANCH;
  return bits(w, 26, 2) == 3 ? newer(w) : OTHER;
}

static int multiply_or_extra(uint32_t w) {
  bool load = bits(w, 20, 1);
  uint32_t kind = bits(w, 5, 2);
  if (kind == 0) {
    if (!bits(w, 24, 1)) return MULTIPLY;
    return load || !bits(w, 23, 1) ? LOAD : STORE; /* LDREX, SWP; STREX */
  }
  if (kind == 1 || load) return load ? LOAD : STORE;
  return kind == 2 ? LOAD_PAIR : STORE; /* LDRD, STRD */
}

static int miscellaneous(uint32_t w) {
  if (bits(w, 7, 1)) return MULTIPLY;
  switch (bits(w, 4, 3)) {
    case 1: return bits(w, 21, 2) == 1 ? BRANCH : INTEGER; /* BX; CLZ */
    case 2: case 3: case 6: return BRANCH;
    case 4: case 5: return INTEGER;
    default: return OTHER;
  }
}

static int media(uint32_t w) {
  uint32_t operation = bits(w, 20, 5);
  if (operation == 31 && bits(w, 5, 3) == 7) return OTHER; /* UDF */
  if (operation == 17 || operation == 19) return DIVIDE;
  return operation >= 16 && operation < 24 ? MULTIPLY : INTEGER;
}

int classify_a32(uint32_t w) {
  bool compares = bits(w, 23, 2) == 2, counter = bits(w, 12, 4) == 15;
  if (bits(w, 28, 4) == 15) return unconditional(w);
  switch (bits(w, 25, 3)) {
    case 0:
      if (bits(w, 4, 1) && bits(w, 7, 1)) return multiply_or_extra(w);
      if (compares && !bits(w, 20, 1)) return miscellaneous(w);
      return computed(counter && !compares);
    case 1:
      if (compares && !bits(w, 20, 1)) return bits(w, 21, 1) ? OTHER : INTEGER; /* MOVW, MOVT */
      return computed(counter && !compares);
    case 3:
      if (bits(w, 4, 1)) return media(w); /* else as case 2 */
      return moved(bits(w, 20, 1), false);
    case 2: return moved(bits(w, 20, 1), false);
    case 4: return moved(bits(w, 20, 1), several(bits(w, 0, 16)));
    case 5: return BRANCH;
    default: return coprocessor(w);
  }
}

static int short_miscellaneous(uint32_t w) {
  uint32_t kind = bits(w, 8, 4);
  if ((kind & 5) == 1) return BRANCH;                               /* CBZ, CBNZ */
  if ((kind & 14) == 4) return STORE;                               /* PUSH */
  if ((kind & 14) == 12) return moved(true, several(bits(w, 0, 9))); /* POP */
  return kind == 0 || kind == 2 || kind == 10 ? INTEGER : OTHER;
}

static int short_computing(uint32_t w) {
  uint32_t into = bits(w, 0, 3) | bits(w, 7, 1) << 3, kind = bits(w, 8, 2);
  if (!bits(w, 10, 1)) return bits(w, 6, 4) == 13 ? MULTIPLY : INTEGER;
  return kind == 3 ? BRANCH : computed(kind != 1 && into == 15);
}

static int classify_short(uint32_t w) {
  bool load = bits(w, 11, 1);
  switch (bits(w, 12, 4)) {
    case 4: return load ? LOAD : short_computing(w);
    case 5: return moved(bits(w, 9, 3) >= 3, false);
    case 6: case 7: case 8: case 9: return moved(load, false);
    case 11: return short_miscellaneous(w);
    case 12: return moved(load, several(bits(w, 0, 8)));
    case 13: return bits(w, 9, 3) == 7 ? OTHER : BRANCH; /* UDF, SVC */
    case 14: return BRANCH;
    default: return INTEGER;
  }
}

static int pairs_and_tables(uint32_t w) {
  bool load = bits(w, 20, 1);
  if (bits(w, 24, 1) || bits(w, 21, 1)) return moved(load, true); /* LDRD, STRD */
  if (load && bits(w, 23, 1) && bits(w, 5, 3) == 0) return BRANCH; /* TBB, TBH */
  return moved(load, false);
}

static int branch_or_system(uint32_t w) {
  uint32_t operation = bits(w, 20, 7);
  if (bits(w, 12, 1) || bits(w, 14, 1) || bits(w, 23, 3) != 7) return BRANCH;
  return operation == 0x3c || operation == 0x3d ? BRANCH : OTHER; /* BXJ, SUBS PC */
}

static int single(uint32_t w) {
  bool load = bits(w, 20, 1), hint = bits(w, 12, 4) == 15 && bits(w, 21, 2) != 2;
  if (bits(w, 24, 1) && !load) return structures(w);
  return load && hint ? PREFETCH : moved(load, false);
}

static int multiplied(uint32_t w) {
  uint32_t operation = bits(w, 20, 4);
  if (operation == 7) return INTEGER; /* USAD8 */
  return (operation == 9 || operation == 11) && bits(w, 4, 4) == 15 ? DIVIDE : MULTIPLY;
}

int classify_t32(uint32_t first, uint32_t second) {
  uint32_t w = first << 16 | second;
  if (first < 0xe800) return classify_short(first);
  if (bits(w, 24, 4) == 15 && bits(w, 29, 3) == 7)
    return vector(bits(w, 28, 1) ? w : w & ~0x01000000u);
  if (bits(w, 26, 1) && bits(w, 27, 2) != 2) return bits(w, 28, 1) ? newer(w) : coprocessor(w);
  switch (bits(w, 27, 2)) {
    case 1:
      if (bits(w, 25, 1)) return INTEGER;
      if (bits(w, 22, 1)) return pairs_and_tables(w);
      if (bits(w, 23, 2) == 0 || bits(w, 23, 2) == 3) return OTHER; /* SRS, RFE */
      return moved(bits(w, 20, 1), several(bits(w, 0, 16)));
    case 2: return bits(w, 15, 1) ? branch_or_system(w) : INTEGER;
    default:
      if (!bits(w, 25, 1)) return single(w);
      return bits(w, 24, 1) ? multiplied(w) : INTEGER;
  }
}

int arm32_set(const uint8_t *bytes, size_t size, uint64_t address) {
  bool long_t32 = bytes[1] >= 0xe8; /* the first half of a T32 instruction of four bytes */
  if (size != 4 || address & 3) return T32;
  if (!long_t32 && (address & 0xfff) != 0xffc) return A32;
  return bytes[3] >> 4 == 14 ? MAYBE_A32 : MAYBE_T32;
}
