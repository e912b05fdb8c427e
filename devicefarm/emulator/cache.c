/* The simulated caches. */
#include "plugin.h"

void cache_make(cache *made, uint64_t bytes, unsigned ways, unsigned line_bytes) {
  made->ways = ways ? ways : 1;
  made->sets = bytes / line_bytes / made->ways;
  if (!made->sets) made->sets = 1;
  made->mask = made->sets & (made->sets - 1) ? 0 : made->sets - 1;
  made->lines = calloc(made->sets * made->ways, sizeof *made->lines);
  made->used = calloc(made->sets * made->ways, sizeof *made->used);
  made->kept_lines = calloc(made->sets * made->ways, sizeof *made->lines);
  made->kept_used = calloc(made->sets * made->ways, sizeof *made->used);
  if (!made->lines || !made->used || !made->kept_lines || !made->kept_used) abort();
}

static void copy(const cache *at, uint64_t *to, const uint64_t *from) {
  memcpy(to, from, at->sets * at->ways * sizeof *to);
}

void cache_keep(cache *at) {
  copy(at, at->kept_lines, at->lines);
  copy(at, at->kept_used, at->used);
  at->kept_clock = at->clock;
}

void cache_restore(cache *at) {
  copy(at, at->lines, at->kept_lines);
  copy(at, at->used, at->kept_used);
  at->clock = at->kept_clock;
}

/* Lines are stored plus one, so that zero is empty. */
bool cache_hit(cache *at, uint64_t line) {
  uint64_t set = at->mask || at->sets == 1 ? line & at->mask : line % at->sets;
  uint64_t *lines = at->lines + set * at->ways, *used = at->used + set * at->ways;
  unsigned oldest = 0;
  for (unsigned i = 0; i < at->ways; i++)
    if (lines[i] == line + 1) {
      used[i] = ++at->clock;
      return true;
    }
  for (unsigned i = 1; i < at->ways; i++)
    if (used[i] < used[oldest]) oldest = i;
  lines[oldest] = line + 1;
  used[oldest] = ++at->clock;
  return false;
}
