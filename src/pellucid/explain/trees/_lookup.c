/* Attributions by table look-up: for every group of leaves, pack the bits that tell which path
   conditions a row meets, look up what each player gets, and add. Rows are the vector lanes.

   The arrays are those of `native.py`. All versions add in the same order, so they agree to the
   last bit; the fastest that the processor has is picked when a call is made. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if (defined(__x86_64__)) && (defined(__GNUC__) || defined(__clang__))
#define HAS_X86 1
#include <immintrin.h>
#endif

#define ROWS 256 /* of a block; a multiple of 64 */
#define WORDS (ROWS / 32)
#define MISSING 65535
#define MOST_BITS 12

typedef struct {
    int32_t trees, players, most_nodes;
    const int32_t *tree_nodes;  /* trees + 1: nodes of a tree */
    const int32_t *feature;     /* by node */
    const uint16_t *split;      /* by node: codes up to it go left */
    const uint8_t *missing;     /* by node: 1 where missing values go left */
    const int32_t *category;    /* by node: place in `left`, or -1 for a numeric split */
    const uint8_t *left;        /* a length, then for each code whether it goes left */
    const int32_t *tree_groups; /* trees + 1: groups of a tree */
    const int32_t *bits;        /* groups + 1: bits of a group */
    const int32_t *edges;       /* bits + 1: edges of a bit */
    const int32_t *edge;        /* 2 * node within the tree + side */
    const int32_t *group_players; /* groups + 1: players of a group */
    const int32_t *player;
    const int64_t *place;       /* by group: its first entry in `table` */
    const float *table;         /* by group and player: entries, at least 64 */
} lookups_t;

static inline int entries_of(int bits) { return bits <= 6 ? 64 : 1 << bits; }

static inline int category_goes_left(const lookups_t *m, int node, int code) {
    const uint8_t *left = m->left + m->category[node];
    int32_t count;
    memcpy(&count, left, 4);
    if (code == MISSING) return m->missing[node];
    return left[4 + (code < count ? code : count - 1)];
}

/* Apart from the versions: gathering with AVX2 is slower than one load after the other. */
static void add_entries(float *sum, const float *table, const uint8_t *pattern) {
    for (int i = 0; i < ROWS; i += 4) {
        float a = table[pattern[i]], b = table[pattern[i + 1]];
        float c = table[pattern[i + 2]], d = table[pattern[i + 3]];
        sum[i] += a, sum[i + 1] += b, sum[i + 2] += c, sum[i + 3] += d;
    }
}

/* Masks are bytes, all ones or all zeros: compilers turn these loops into vector code for whatever
   they build for. */
#define BLOCK_OF_BYTES(NAME)                                                                       \
    static void NAME(const lookups_t *m, const uint16_t *codes, float *values, void *memory) {     \
        uint8_t(*nodes)[ROWS] = memory;                                                            \
        uint8_t met[ROWS], low[ROWS], high[ROWS];                                                  \
        for (int t = 0; t < m->trees; t++) {                                                       \
            int first = m->tree_nodes[t];                                                          \
            for (int node = first; node < m->tree_nodes[t + 1]; node++) {                          \
                if (m->feature[node] < 0) continue;                                                \
                const uint16_t *own = codes + (size_t)m->feature[node] * ROWS;                     \
                uint8_t *mask = nodes[node - first];                                               \
                uint16_t split = m->split[node];                                                   \
                if (m->category[node] >= 0) {                                                      \
                    for (int i = 0; i < ROWS; i++)                                                 \
                        mask[i] = category_goes_left(m, node, own[i]) ? 0xff : 0;                  \
                } else if (m->missing[node]) {                                                     \
                    for (int i = 0; i < ROWS; i++)                                                 \
                        mask[i] = own[i] <= split || own[i] == MISSING ? 0xff : 0;                 \
                } else {                                                                           \
                    for (int i = 0; i < ROWS; i++) mask[i] = own[i] <= split ? 0xff : 0;           \
                }                                                                                  \
            }                                                                                      \
            for (int g = m->tree_groups[t]; g < m->tree_groups[t + 1]; g++) {                      \
                int bits = m->bits[g + 1] - m->bits[g];                                            \
                memset(low, 0, ROWS);                                                              \
                memset(high, 0, ROWS);                                                             \
                for (int b = 0; b < bits; b++) {                                                   \
                    int bit = m->bits[g] + b, last = m->edges[bit + 1];                            \
                    memset(met, 0xff, ROWS);                                                       \
                    for (int q = m->edges[bit]; q < last; q++) {                                   \
                        const uint8_t *mask = nodes[m->edge[q] >> 1];                              \
                        uint8_t flip = (m->edge[q] & 1) ? 0xff : 0;                                \
                        for (int i = 0; i < ROWS; i++) met[i] &= mask[i] ^ flip;                   \
                    }                                                                              \
                    uint8_t *pattern = b < 8 ? low : high, one = (uint8_t)(1 << (b % 8));          \
                    for (int i = 0; i < ROWS; i++) pattern[i] |= met[i] & one;                     \
                }                                                                                  \
                const float *table = m->table + m->place[g];                                       \
                for (int f = m->group_players[g]; f < m->group_players[g + 1]; f++) {              \
                    float *sum = values + (size_t)m->player[f] * ROWS;                             \
                    if (bits <= 8)                                                                 \
                        add_entries(sum, table, low);                                              \
                    else                                                                           \
                        for (int i = 0; i < ROWS; i++) sum[i] += table[low[i] | high[i] << 8];     \
                    table += entries_of(bits);                                                     \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }

BLOCK_OF_BYTES(block_portable)

#ifdef HAS_X86
#pragma GCC push_options
#pragma GCC target("avx2,bmi2")
BLOCK_OF_BYTES(block_avx2)
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq")
static inline void meets(const lookups_t *m, int bit, const uint32_t (*nodes)[WORDS], uint32_t *met) {
    int first = m->edges[bit], last = m->edges[bit + 1];
    int e = m->edge[first];
    uint32_t flip = (e & 1) ? 0xffffffffu : 0;
    for (int w = 0; w < WORDS; w++) met[w] = nodes[e >> 1][w] ^ flip;
    for (int q = first + 1; q < last; q++) {
        e = m->edge[q];
        flip = (e & 1) ? 0xffffffffu : 0;
        for (int w = 0; w < WORDS; w++) met[w] &= nodes[e >> 1][w] ^ flip;
    }
}

static void block_avx512(const lookups_t *m, const uint16_t *codes, float *values, void *memory) {
    uint32_t(*nodes)[WORDS] = memory; /* a bit for each row */
    uint32_t met[MOST_BITS][WORDS];
    int32_t pattern[ROWS] __attribute__((aligned(64)));
    for (int t = 0; t < m->trees; t++) {
        int first = m->tree_nodes[t];
        for (int node = first; node < m->tree_nodes[t + 1]; node++) {
            if (m->feature[node] < 0) continue;
            const uint16_t *own = codes + (size_t)m->feature[node] * ROWS;
            uint32_t *mask = nodes[node - first];
            if (m->category[node] >= 0) {
                memset(mask, 0, sizeof *nodes);
                for (int i = 0; i < ROWS; i++)
                    mask[i / 32] |= (uint32_t)category_goes_left(m, node, own[i]) << (i % 32);
                continue;
            }
            __m512i split = _mm512_set1_epi16((short)m->split[node]);
            __m512i missing = _mm512_set1_epi16((short)MISSING);
            for (int w = 0; w < WORDS; w++) {
                __m512i code = _mm512_load_si512((const void *)(own + 32 * w));
                mask[w] = _mm512_cmple_epu16_mask(code, split);
                if (m->missing[node]) mask[w] |= _mm512_cmpeq_epi16_mask(code, missing);
            }
        }
        for (int g = m->tree_groups[t]; g < m->tree_groups[t + 1]; g++) {
            int bits = m->bits[g + 1] - m->bits[g];
            for (int b = 0; b < bits; b++)
                meets(m, m->bits[g] + b, (const uint32_t(*)[WORDS])nodes, met[b]);
            if (bits <= 8) {
                for (int w = 0; w < WORDS; w += 2) {
                    __m512i v = _mm512_setzero_si512();
                    for (int b = 0; b < bits; b++) {
                        uint64_t both = (uint64_t)met[b][w] | (uint64_t)met[b][w + 1] << 32;
                        v = _mm512_mask_add_epi8(v, both, v, _mm512_set1_epi8((char)(1 << b)));
                    }
                    for (int q = 0; q < 4; q++) {
                        __m128i bytes = _mm512_extracti32x4_epi32(v, 0);
                        _mm512_store_si512((void *)(pattern + 32 * w + 16 * q), _mm512_cvtepu8_epi32(bytes));
                        v = _mm512_alignr_epi64(v, v, 2);
                    }
                }
            } else {
                for (int i = 0; i < ROWS; i += 16) {
                    __m512i v = _mm512_setzero_si512();
                    for (int b = 0; b < bits; b++)
                        v = _mm512_mask_add_epi32(v, (__mmask16)(met[b][i / 32] >> (i % 32)), v,
                                                  _mm512_set1_epi32(1 << b));
                    _mm512_store_si512((void *)(pattern + i), v);
                }
            }
            const float *table = m->table + m->place[g];
            for (int f = m->group_players[g]; f < m->group_players[g + 1]; f++) {
                float *sum = values + (size_t)m->player[f] * ROWS;
                if (bits <= 5) {
                    __m512 t0 = _mm512_loadu_ps(table), t1 = _mm512_loadu_ps(table + 16);
                    for (int i = 0; i < ROWS; i += 16) {
                        __m512i v = _mm512_load_si512((const void *)(pattern + i));
                        __m512 found = _mm512_permutex2var_ps(t0, v, t1);
                        _mm512_store_ps(sum + i, _mm512_add_ps(_mm512_load_ps(sum + i), found));
                    }
                } else if (bits == 6) {
                    __m512 t0 = _mm512_loadu_ps(table), t1 = _mm512_loadu_ps(table + 16);
                    __m512 t2 = _mm512_loadu_ps(table + 32), t3 = _mm512_loadu_ps(table + 48);
                    for (int i = 0; i < ROWS; i += 16) {
                        __m512i v = _mm512_load_si512((const void *)(pattern + i));
                        __m512 low = _mm512_permutex2var_ps(t0, v, t1);
                        __m512 high = _mm512_permutex2var_ps(t2, v, t3);
                        __mmask16 last = (__mmask16)(met[5][i / 32] >> (i % 32));
                        __m512 found = _mm512_mask_blend_ps(last, low, high);
                        _mm512_store_ps(sum + i, _mm512_add_ps(_mm512_load_ps(sum + i), found));
                    }
                } else {
                    for (int i = 0; i < ROWS; i += 16) {
                        __m512i v = _mm512_load_si512((const void *)(pattern + i));
                        __m512 found = _mm512_i32gather_ps(v, table, 4);
                        _mm512_store_ps(sum + i, _mm512_add_ps(_mm512_load_ps(sum + i), found));
                    }
                }
                table += entries_of(bits);
            }
        }
    }
}
#pragma GCC pop_options
#endif

typedef void (*block_t)(const lookups_t *, const uint16_t *, float *, void *);

static const char *const NAMES[] = {"avx512", "avx2", "portable"};

static block_t version(const char *name) {
#ifdef HAS_X86
    if (!strcmp(name, "avx512") && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq"))
        return block_avx512;
    if (!strcmp(name, "avx2") && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"))
        return block_avx2;
#endif
    return strcmp(name, "portable") ? NULL : block_portable;
}

static int run(const lookups_t *m, block_t block, const uint16_t *codes, int32_t features,
               float *out, int64_t count) {
    size_t code_bytes = sizeof(uint16_t) * ROWS * (features ? features : 1);
    size_t value_bytes = sizeof(float) * ROWS * (m->players ? m->players : 1);
    size_t node_bytes = (size_t)ROWS * (m->most_nodes ? m->most_nodes : 1);
    /* Sizes are multiples of 64 but for the nodes', which needs no alignment beyond its type's. */
    uint16_t *own = aligned_alloc(64, code_bytes);
    float *values = aligned_alloc(64, value_bytes);
    void *nodes = malloc(node_bytes);
    int done = own && values && nodes;
    for (int64_t start = 0; done && start < count; start += ROWS) {
        int64_t rows = count - start < ROWS ? count - start : ROWS;
        for (int f = 0; f < features; f++) {
            memcpy(own + (size_t)f * ROWS, codes + f * count + start, sizeof(uint16_t) * rows);
            memset(own + (size_t)f * ROWS + rows, 0, sizeof(uint16_t) * (ROWS - rows));
        }
        memset(values, 0, value_bytes);
        block(m, own, values, nodes);
        for (int p = 0; p < m->players; p++)
            for (int64_t r = 0; r < rows; r++) out[p * count + start + r] = values[(size_t)p * ROWS + r];
    }
    free(own);
    free(values);
    free(nodes);
    return done;
}

enum { TREE_NODES, FEATURE, SPLIT, MISSING_LEFT, CATEGORY, LEFT, TREE_GROUPS, BITS, EDGES, EDGE,
       GROUP_PLAYERS, PLAYER, PLACE, TABLE, ARRAYS };

static PyObject *look_up(PyObject *self, PyObject *args) {
    (void)self;
    const char *name;
    PyObject *given;
    Py_buffer codes, out, arrays[ARRAYS];
    int features, players, most_nodes;
    long long count;
    if (!PyArg_ParseTuple(args, "sO!y*w*Liii", &name, &PyTuple_Type, &given, &codes, &out, &count,
                          &features, &players, &most_nodes))
        return NULL;
    int taken = 0, ok = 0, done = 0;
    block_t block = version(name);
    if (!block) {
        PyErr_Format(PyExc_ValueError, "this processor has no '%s'", name);
    } else if (PyTuple_Size(given) != ARRAYS) {
        PyErr_SetString(PyExc_ValueError, "wrong number of arrays");
    } else {
        while (taken < ARRAYS && !PyObject_GetBuffer(PyTuple_GetItem(given, taken), &arrays[taken], PyBUF_SIMPLE))
            taken++;
        if (taken == ARRAYS) {
            if (codes.len < (Py_ssize_t)(sizeof(uint16_t) * count * features) ||
                out.len < (Py_ssize_t)(sizeof(float) * count * players))
                PyErr_SetString(PyExc_ValueError, "codes or output are too short");
            else
                ok = 1;
        }
    }
    if (ok) {
        lookups_t m = {
            (int32_t)(arrays[TREE_NODES].len / 4 - 1), players, most_nodes,
            arrays[TREE_NODES].buf, arrays[FEATURE].buf, arrays[SPLIT].buf, arrays[MISSING_LEFT].buf,
            arrays[CATEGORY].buf, arrays[LEFT].buf, arrays[TREE_GROUPS].buf, arrays[BITS].buf,
            arrays[EDGES].buf, arrays[EDGE].buf, arrays[GROUP_PLAYERS].buf, arrays[PLAYER].buf,
            arrays[PLACE].buf, arrays[TABLE].buf,
        };
        Py_BEGIN_ALLOW_THREADS
        done = run(&m, block, codes.buf, features, out.buf, count);
        Py_END_ALLOW_THREADS
        if (!done) PyErr_NoMemory();
    }
    while (taken > 0) PyBuffer_Release(&arrays[--taken]);
    PyBuffer_Release(&codes);
    PyBuffer_Release(&out);
    if (!done) return NULL;
    Py_RETURN_NONE;
}

static PyObject *versions(PyObject *self, PyObject *args) {
    (void)self;
    (void)args;
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && i < sizeof NAMES / sizeof *NAMES; i++) {
        if (!version(NAMES[i])) continue;
        PyObject *name = PyUnicode_FromString(NAMES[i]);
        if (!name || PyList_Append(list, name) < 0) Py_CLEAR(list);
        Py_XDECREF(name);
    }
    return list;
}

static PyMethodDef methods[] = {
    {"look_up", look_up, METH_VARARGS, "Add up attributions by table look-up."},
    {"versions", versions, METH_NOARGS, "Names of what this processor can run, fastest first."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_lookup", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__lookup(void) { return PyModule_Create(&module); }
