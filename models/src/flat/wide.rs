//! The evaluator in AVX-512: 16 rows (batch) or 16 trees (single) in the lanes of a register.
//!
//! Separate because it is the only unsafe code of the crate. Invariants: the same additions in the same order as
//! `portable`; a node's place is below `2^(level + 1)` by construction and its column below the row's length by
//! `FlatForest::new`, so every read stays in its array whatever values the rows hold.
//!
//! In a batch the nodes of a level come from registers by permutation and only the row's value is gathered; single,
//! nodes are gathered and, up to 64 columns, the row's value comes from registers.

use std::arch::x86_64::{
    __m512, __m512i, __mmask16, _CMP_GE_OQ, _CMP_UNORD_Q, _mm_loadu_si128, _mm512_add_epi32, _mm512_add_ps,
    _mm512_and_si512, _mm512_castsi512_ps, _mm512_castsi512_si256, _mm512_cmp_ps_mask, _mm512_cvtepu8_epi32,
    _mm512_cvtss_f32, _mm512_extracti64x4_epi64, _mm512_i32gather_epi64, _mm512_i32gather_ps,
    _mm512_loadu_ps, _mm512_loadu_si512, _mm512_mask_add_epi32, _mm512_mask_blend_epi32,
    _mm512_mask_blend_ps, _mm512_maskz_loadu_ps, _mm512_maskz_permutexvar_epi8, _mm512_or_si512,
    _mm512_permute_ps, _mm512_permutex2var_epi8, _mm512_permutex2var_epi32, _mm512_permutex2var_ps,
    _mm512_permutexvar_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setr_epi32, _mm512_setzero_ps,
    _mm512_shuffle_f32x4, _mm512_slli_epi32, _mm512_sllv_epi32, _mm512_storeu_ps, _mm512_sub_epi32,
    _mm512_test_epi32_mask,
};

use super::{COLUMNS_MAX, FlatForest, LANES, TOP};
use crate::tree::{UNKNOWN, known};

/// Blocks of 16 rows that go through a tree together, so that their gathers overlap.
const BLOCKS: usize = 4;
/// The low byte of each of 16 lanes.
const LOW_BYTES: u64 = 0x1111_1111_1111_1111;

/// Whether this processor has what this module uses.
pub(super) fn available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vbmi")
}

/// Adds halves, as `sum_lanes` does.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn sum_lanes(v: __m512) -> f32 {
    let v = _mm512_add_ps(v, _mm512_shuffle_f32x4::<0b01_00_11_10>(v, v));
    let v = _mm512_add_ps(v, _mm512_shuffle_f32x4::<0b10_11_00_01>(v, v));
    let v = _mm512_add_ps(v, _mm512_permute_ps::<0b01_00_11_10>(v));
    let v = _mm512_add_ps(v, _mm512_permute_ps::<0b10_11_00_01>(v));
    _mm512_cvtss_f32(v)
}

/// `2h`, plus 1 where `right`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn descend(h: __m512i, right: __mmask16) -> __m512i {
    let doubled = _mm512_add_epi32(h, h);
    _mm512_mask_add_epi32(doubled, right, doubled, _mm512_set1_epi32(1))
}

/// One tree's node tables.
#[derive(Clone, Copy)]
struct Nodes {
    column_of: *const u8,
    threshold: *const f32,
}

impl Nodes {
    /// Thresholds `16 * index ..` of the tree.
    ///
    /// # Safety
    /// The tree has at least `16 * (index + 1)` places.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    unsafe fn thresholds(self, index: usize) -> __m512 {
        // SAFETY: promised by the caller.
        unsafe { _mm512_loadu_ps(self.threshold.add(16 * index)) }
    }

    /// Columns `64 * index ..` of the tree.
    ///
    /// # Safety
    /// The tree has more than `64 * index` places; 64 bytes follow the last tree.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    unsafe fn columns(self, index: usize) -> __m512i {
        // SAFETY: promised by the caller.
        unsafe { _mm512_loadu_si512(self.column_of.add(64 * index).cast()) }
    }

    /// Columns and thresholds of the nodes `h` of one `level` (0 to 7), for all blocks.
    ///
    /// # Safety
    /// The tree is deeper than `level` and every `h` is of that level.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    unsafe fn at(self, level: usize, h: &[__m512i; BLOCKS]) -> ([__m512i; BLOCKS], [__m512; BLOCKS]) {
        let low = |table: __m512i, h| _mm512_maskz_permutexvar_epi8(LOW_BYTES, h, table);
        // SAFETY: a tree deeper than the level has these places.
        unsafe {
            match level {
                0..=3 => {
                    let (c, t) = (self.columns(0), self.thresholds(0));
                    (h.map(|h| low(c, h)), h.map(|h| _mm512_permutexvar_ps(h, t)))
                }
                4 => {
                    let (c, t) = (self.columns(0), self.thresholds(1));
                    (h.map(|h| low(c, h)), h.map(|h| _mm512_permutexvar_ps(h, t)))
                }
                5 => {
                    let (c, a, b) = (self.columns(0), self.thresholds(2), self.thresholds(3));
                    (h.map(|h| low(c, h)), h.map(|h| _mm512_permutex2var_ps(a, h, b)))
                }
                6 => {
                    let c = self.columns(1);
                    (h.map(|h| low(c, h)), self.quarter(4, h))
                }
                _ => {
                    let (c, d) = (self.columns(2), self.columns(3));
                    let high = h.map(|h| _mm512_test_epi32_mask(h, _mm512_set1_epi32(64)));
                    let (front, back) = (self.quarter(8, h), self.quarter(12, h));
                    let columns = h.map(|h| {
                        let both = _mm512_permutex2var_epi8(c, h, d);
                        _mm512_and_si512(both, _mm512_set1_epi32(0xff))
                    });
                    let pick = |i: usize| _mm512_mask_blend_ps(high[i], front[i], back[i]);
                    (columns, std::array::from_fn(pick))
                }
            }
        }
    }

    /// Thresholds by the low six bits of `h` out of the 64 that start at `16 * first`.
    ///
    /// # Safety
    /// The tree has at least `16 * (first + 4)` places.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    unsafe fn quarter(self, first: usize, h: &[__m512i; BLOCKS]) -> [__m512; BLOCKS] {
        // SAFETY: promised by the caller.
        let [a, b, c, d] = unsafe {
            [
                self.thresholds(first),
                self.thresholds(first + 1),
                self.thresholds(first + 2),
                self.thresholds(first + 3),
            ]
        };
        h.map(|h| {
            let high = _mm512_test_epi32_mask(h, _mm512_set1_epi32(32));
            _mm512_mask_blend_ps(high, _mm512_permutex2var_ps(a, h, b), _mm512_permutex2var_ps(c, h, d))
        })
    }
}

/// # Safety
/// [`available`] is true and `rows.len() == columns * out.len()`.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(super) unsafe fn score_batch(forest: &FlatForest, rows: &[f32], out: &mut [f32]) {
    let columns = forest.columns;
    let mut block = vec![0.0f32; columns * LANES * BLOCKS];
    let mut sums = [[_mm512_setzero_ps(); LANES]; BLOCKS];
    for (rows, out) in rows.chunks(columns * LANES * BLOCKS).zip(out.chunks_mut(LANES * BLOCKS)) {
        for (rows, block) in rows.chunks(columns * LANES).zip(block.chunks_mut(columns * LANES)) {
            for (lane, row) in rows.chunks_exact(columns).enumerate() {
                for (column, &value) in row.iter().enumerate() {
                    block[column * LANES + lane] = known(value);
                }
            }
        }
        sums.fill([_mm512_setzero_ps(); LANES]);
        // SAFETY: `block` holds `BLOCKS` blocks of `columns * 16` values.
        unsafe { walk(forest, &block, &mut sums) };
        for (sums, out) in sums.iter_mut().zip(out.chunks_mut(LANES)) {
            let mut width = LANES / 2;
            while width > 0 {
                for lane in 0..width {
                    sums[lane] = _mm512_add_ps(sums[lane], sums[lane + width]);
                }
                width /= 2;
            }
            let mut answers = [0.0f32; LANES];
            // SAFETY: the array has 16 places.
            unsafe { _mm512_storeu_ps(answers.as_mut_ptr(), sums[0]) };
            out.copy_from_slice(&answers[..out.len()]);
        }
    }
}

/// Adds every tree's answers for the blocks to `sums`.
///
/// # Safety
/// `block` holds `BLOCKS` blocks of `columns * 16` values.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
unsafe fn walk(forest: &FlatForest, block: &[f32], sums: &mut [[__m512; LANES]; BLOCKS]) {
    let size = forest.columns * LANES;
    let lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for tree in 0..forest.trees {
        let first = tree << forest.depth;
        let nodes = Nodes {
            column_of: forest.column_of[first..].as_ptr(),
            threshold: forest.threshold[first..].as_ptr(),
        };
        let mut h = [_mm512_set1_epi32(1); BLOCKS];
        for level in 0..forest.depth {
            // SAFETY: `h` starts at the root and `descend` goes down one level at a time.
            let (columns, thresholds) = unsafe { nodes.at(level, &h) };
            for (index, h) in h.iter_mut().enumerate() {
                let place = _mm512_or_si512(_mm512_slli_epi32::<4>(columns[index]), lane);
                // SAFETY: a column is below `columns`, so the place is below `size`.
                let x = unsafe { _mm512_i32gather_ps::<4>(place, block[index * size..].as_ptr()) };
                *h = descend(*h, _mm512_cmp_ps_mask::<_CMP_GE_OQ>(x, thresholds[index]));
            }
        }
        let leaves = forest.leaf[first..].as_ptr();
        let base = _mm512_set1_epi32(1 << forest.depth);
        for (h, sums) in h.iter().zip(sums.iter_mut()) {
            // SAFETY: after `depth` levels `2^depth <= h < 2^(depth + 1)`.
            let answer = unsafe { _mm512_i32gather_ps::<4>(_mm512_sub_epi32(*h, base), leaves) };
            sums[tree % LANES] = _mm512_add_ps(sums[tree % LANES], answer);
        }
    }
}

/// # Safety
/// [`available`] is true and `row.len() == columns`.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(super) unsafe fn score(forest: &FlatForest, row: &[f32]) -> f32 {
    if row.len() > 64 {
        let mut x = [0.0f32; COLUMNS_MAX];
        for (to, &value) in x.iter_mut().zip(row) {
            *to = known(value);
        }
        // SAFETY: every column is below `COLUMNS_MAX`.
        return unsafe { walk_trees(forest, |column| _mm512_i32gather_ps::<4>(column, x.as_ptr())) };
    }
    let part = |index: usize| {
        let left = row.len().saturating_sub(16 * index).min(16);
        let mask = ((1u32 << left) - 1) as u16;
        // SAFETY: masked lanes are not read; the start is within the row or nothing is read.
        let x = unsafe { _mm512_maskz_loadu_ps(mask, row.as_ptr().wrapping_add(16 * index)) };
        let unknown = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(x, x);
        _mm512_mask_blend_ps(unknown, x, _mm512_set1_ps(UNKNOWN))
    };
    let (a, b, c, d) = (part(0), part(1), part(2), part(3));
    let pick = |column: __m512i| {
        let high = _mm512_test_epi32_mask(column, _mm512_set1_epi32(32));
        let front = _mm512_permutex2var_ps(a, column, b);
        _mm512_mask_blend_ps(high, front, _mm512_permutex2var_ps(c, column, d))
    };
    // SAFETY: the forest keeps its own invariants.
    unsafe { walk_trees(forest, pick) }
}

/// Sums all trees, 16 in the lanes, four such groups together while there are so many; `value` gives the row's values
/// at 16 columns.
///
/// # Safety
/// `value` is sound for every column below `forest.columns`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
unsafe fn walk_trees(forest: &FlatForest, value: impl Fn(__m512i) -> __m512) -> f32 {
    let groups = forest.trees / LANES;
    let mut sum = _mm512_setzero_ps();
    let mut group = 0;
    while group < groups {
        // SAFETY: these groups exist.
        unsafe {
            match groups - group {
                1 => add(&mut sum, walk_groups::<1>(forest, group, &value)),
                2 => add(&mut sum, walk_groups::<2>(forest, group, &value)),
                3 => add(&mut sum, walk_groups::<3>(forest, group, &value)),
                _ => add(&mut sum, walk_groups::<4>(forest, group, &value)),
            }
        }
        group += 4;
    }
    sum_lanes(sum)
}

/// Adds groups in their order.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn add<const G: usize>(sum: &mut __m512, answers: [__m512; G]) {
    for answer in answers {
        *sum = _mm512_add_ps(*sum, answer);
    }
}

/// The answers of `G` groups of 16 trees from `first` on.
///
/// # Safety
/// The groups exist, and `value` is sound for every column below `forest.columns`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
unsafe fn walk_groups<const G: usize>(
    forest: &FlatForest,
    first: usize,
    value: &impl Fn(__m512i) -> __m512,
) -> [__m512; G] {
    let depth = forest.depth;
    let lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    let own = _mm512_sllv_epi32(lane, _mm512_set1_epi32(depth as i32));
    let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    let odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    let mut place = [_mm512_set1_epi32(1); G];
    for (group, h) in place.iter_mut().enumerate() {
        // SAFETY: the group exists.
        *h = unsafe { descend_top(forest, first + group, value) };
    }
    for _ in 3..depth {
        for (group, h) in place.iter_mut().enumerate() {
            let nodes = forest.node[((first + group) * LANES) << depth..].as_ptr().cast();
            let node = _mm512_add_epi32(own, *h);
            // SAFETY: a node is below the places of the group's 16 trees.
            let (front, back) = unsafe {
                (
                    _mm512_i32gather_epi64::<8>(_mm512_castsi512_si256(node), nodes),
                    _mm512_i32gather_epi64::<8>(_mm512_extracti64x4_epi64::<1>(node), nodes),
                )
            };
            let threshold = _mm512_castsi512_ps(_mm512_permutex2var_epi32(front, even, back));
            let column = _mm512_permutex2var_epi32(front, odd, back);
            *h = descend(*h, _mm512_cmp_ps_mask::<_CMP_GE_OQ>(value(column), threshold));
        }
    }
    let base = _mm512_sub_epi32(own, _mm512_set1_epi32(1 << depth));
    let mut answers = [_mm512_setzero_ps(); G];
    for (group, (h, answer)) in place.iter().zip(&mut answers).enumerate() {
        let leaves = forest.leaf[((first + group) * LANES) << depth..].as_ptr();
        // SAFETY: after `depth` levels `h` is the place of a leaf.
        *answer = unsafe { _mm512_i32gather_ps::<4>(_mm512_add_epi32(base, *h), leaves) };
    }
    answers
}

/// The places of a group of 16 trees after three levels: all seven nodes are loaded, none gathered.
///
/// # Safety
/// The group exists, and `value` is sound for every column below `forest.columns`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
unsafe fn descend_top(forest: &FlatForest, group: usize, value: &impl Fn(__m512i) -> __m512) -> __m512i {
    let columns = forest.top_column[group * TOP * LANES..][..TOP * LANES].as_ptr();
    let thresholds = forest.top_threshold[group * TOP * LANES..][..TOP * LANES].as_ptr();
    // SAFETY: both tables have `TOP` times 16 entries here, and `h` is below `TOP`.
    let node = |h: usize| unsafe {
        let column = _mm_loadu_si128(columns.add(h * LANES).cast());
        (_mm512_cvtepu8_epi32(column), _mm512_loadu_ps(thresholds.add(h * LANES)))
    };
    let pick = |right: __mmask16, (c, t): (__m512i, __m512), (d, u): (__m512i, __m512)| {
        (_mm512_mask_blend_epi32(right, c, d), _mm512_mask_blend_ps(right, t, u))
    };
    let right =
        |(column, threshold): (__m512i, __m512)| _mm512_cmp_ps_mask::<_CMP_GE_OQ>(value(column), threshold);
    let one = right(node(1));
    let two = right(pick(one, node(2), node(3)));
    let three = right(pick(one, pick(two, node(4), node(5)), pick(two, node(6), node(7))));
    descend(descend(descend(_mm512_set1_epi32(1), one), two), three)
}
