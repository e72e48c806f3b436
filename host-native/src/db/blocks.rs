//! Decoded blocks shared by all queries: a bounded cache that scans pass by.
//!
//! Keeps true: never more than its bytes; a block is found only under the identity of the segment it was decoded from,
//! so that a freed and reused extent cannot bring back old points. A block is admitted when parts of it are asked for
//! and there is room, or when it is asked for again soon; a scan asks for each block once, so it neither fills the cache
//! nor pushes anything out. In shards, so that readers seldom meet; a lock is held for a look-up, never while decoding.
use crate::lru::Lru;
use chronicle_core::segment::DecodedBlock;
use chronicle_core::source::{BlockKey, CachedBlock};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SHARDS: usize = 16;
/// Memory of an entry beside its block.
const ENTRY_BYTES: u64 = 192;
/// The cache remembers one block asked for per this many of its bytes: half of what it holds at the usual size of a block.
/// A scan that is repeated and larger than that is forgotten before it comes around.
const BYTES_PER_MEMORY: u64 = 64 << 10;
/// Most blocks that a shard remembers: they are searched one by one.
const MEMORY_MAX: usize = 256;

pub(crate) struct BlockCache {
    shards: [Mutex<Shard>; SHARDS],
    /// Bytes that one shard may hold.
    shard_bytes_max: u64,
    memory_max: usize,
}

#[derive(Default)]
struct Shard {
    kept: Lru<BlockKey, Arc<DecodedBlock>>,
    /// Blocks that were asked for of late and not kept, by their hash.
    asked: VecDeque<u64>,
}

impl BlockCache {
    /// Of up to `bytes_max` bytes; 0 keeps nothing.
    pub(crate) fn new(bytes_max: u64) -> Self {
        let shard_bytes_max = bytes_max / SHARDS as u64;
        let memory = usize::try_from(shard_bytes_max / BYTES_PER_MEMORY).unwrap_or(MEMORY_MAX);
        Self { shards: Default::default(), shard_bytes_max, memory_max: memory.clamp(4, MEMORY_MAX) }
    }

    pub(crate) fn get(&self, key: &BlockKey, partly: bool) -> CachedBlock {
        if self.shard_bytes_max == 0 {
            return CachedBlock::Unwanted;
        }
        let hash = hash_of(key);
        let mut shard = self.shard(hash);
        if let Some(block) = shard.kept.get(key) {
            return CachedBlock::Found(Arc::clone(block));
        }
        // Room is kept for a block of the usual size; one that is larger pushes others out.
        let room = shard.kept.weight() + BYTES_PER_MEMORY <= self.shard_bytes_max;
        if partly && room {
            return CachedBlock::Wanted;
        }
        if let Some(at) = shard.asked.iter().position(|&asked| asked == hash) {
            shard.asked.remove(at);
            return CachedBlock::Wanted;
        }
        if shard.asked.len() >= self.memory_max {
            shard.asked.pop_front();
        }
        shard.asked.push_back(hash);
        CachedBlock::Unwanted
    }

    pub(crate) fn keep(&self, key: &BlockKey, block: &Arc<DecodedBlock>) {
        let weight = block.memory_bytes() as u64 + ENTRY_BYTES;
        if weight > self.shard_bytes_max {
            return;
        }
        let mut dropped = Vec::new();
        let mut shard = self.shard(hash_of(key));
        shard.kept.insert(*key, Arc::clone(block), weight);
        while shard.kept.weight() > self.shard_bytes_max {
            dropped.extend(shard.kept.pop_oldest());
        }
        // Freeing memory takes time of its own, not the lock's.
        drop(shard);
        drop(dropped);
    }

    /// Bytes that it holds now.
    #[cfg(test)]
    fn bytes(&self) -> u64 {
        (0..SHARDS as u64).map(|shard| self.shard(shard).kept.weight()).sum()
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, Shard> {
        // Nothing in there panics between two consistent states.
        self.shards[hash as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An identity is a hash already; the blocks of a segment are spread by a multiplication.
fn hash_of(key: &BlockKey) -> u64 {
    let segment = key.segment.0.first_chunk().map_or(0, |start| u64::from_le_bytes(*start));
    let mixed = (segment ^ u64::from(key.block)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use chronicle_core::codec::Scratch;
    use chronicle_core::ids::{Hash, SeriesId, SeriesKey};
    use chronicle_core::segment::{SegmentBuilder, SegmentIndex};

    /// A block of 4,000 points on a regular clock: 32 KB.
    fn block() -> Arc<DecodedBlock> {
        let mut builder = SegmentBuilder::new(1, 1);
        let timestamps: Vec<i64> = (0..4_000).map(|i| i * 10).collect();
        let bits: Vec<u64> = (0..4_000u32).map(|i| f64::from(i % 7).to_bits()).collect();
        builder.push_series(SeriesId(1), SeriesKey(1), &timestamps, &bits).unwrap();
        let built = builder.finish().unwrap();
        let index_at = built.summary.index_offset as usize;
        let index = SegmentIndex::parse(None, &built.bytes[index_at..], None).unwrap();
        let meta = index.meta(0).unwrap();
        let bytes = &built.bytes[meta.offset as usize..][..meta.len as usize];
        Arc::new(DecodedBlock::decode(bytes, &meta, &mut Vec::new(), &mut Scratch::default()).unwrap())
    }

    fn key(segment: u32, block: u32) -> BlockKey {
        BlockKey { segment: Hash::of(&segment.to_le_bytes()), block }
    }

    /// What a reader does; true when it was found.
    fn read(cache: &BlockCache, key: &BlockKey, partly: bool, block: &Arc<DecodedBlock>) -> bool {
        match cache.get(key, partly) {
            CachedBlock::Found(_) => return true,
            CachedBlock::Wanted => cache.keep(key, block),
            CachedBlock::Unwanted => {}
        }
        false
    }

    #[test]
    fn the_budget_holds_and_0_keeps_nothing() {
        let block = block();
        let cache = BlockCache::new(1 << 20);
        for number in 0..1_000 {
            for _ in 0..2 {
                read(&cache, &key(number / 10, number % 10), true, &block);
                assert!(cache.bytes() <= 1 << 20);
            }
        }
        assert!(cache.bytes() > 1 << 18, "it is used");
        let none = BlockCache::new(0);
        assert!((0..3).all(|_| !read(&none, &key(1, 1), true, &block)));
        assert_eq!(none.bytes(), 0);
    }

    #[test]
    fn a_part_is_kept_at_once_and_a_whole_block_when_it_is_asked_for_again() {
        let block = block();
        let cache = BlockCache::new(16 << 20);
        assert_eq!([(); 2].map(|()| read(&cache, &key(1, 1), true, &block)), [false, true]);
        assert_eq!([(); 3].map(|()| read(&cache, &key(1, 2), false, &block)), [false, false, true]);
        assert!(!read(&cache, &key(2, 1), true, &block), "another segment is another block");
    }

    #[test]
    fn scans_that_come_again_and_again_push_nothing_out() {
        let block = block();
        let cache = BlockCache::new(16 << 20);
        let hot: Vec<BlockKey> = (0..100).map(|number| key(0, number)).collect();
        hot.iter().for_each(|key| {
            read(&cache, key, true, &block);
        });
        for _ in 0..3 {
            for number in 0..20_000 {
                read(&cache, &key(1 + number / 100, number % 100), false, &block);
            }
        }
        assert!(hot.iter().all(|key| read(&cache, key, true, &block)));
        assert!(cache.bytes() < 200 * 33_000, "nor do they fill it");
    }
}
