//! Mutations: what accidents and attackers do to bytes, from a number that names the input.
use crate::workload::Random;

/// Bytes that numbers, lengths and flags turn on.
const TELLING: [u8; 8] = [0x00, 0x01, 0x7f, 0x80, 0xff, 0x20, 0x21, 0x40];
/// The longest input that growing mutations lead to.
const LEN_MAX: usize = 1 << 16;

/// Input `number` of the run that `seed` names: a seed with one to eight mutations, or now and then noise alone. Every
/// input can be made again from its number, without those before it.
pub fn input(seeds: &[Vec<u8>], seed: u64, number: u64) -> Vec<u8> {
    let mut random = Random::new(seed ^ number.wrapping_mul(0x2545_f491_4f6c_dd1d));
    if seeds.is_empty() || random.below(32) == 0 {
        let len = random.below(256);
        return (0..len).map(|_| random.bits() as u8).collect();
    }
    let mut bytes = pick(seeds, &mut random).clone();
    for _ in 0..=random.below(8) {
        mutate(&mut bytes, seeds, &mut random);
    }
    bytes
}

fn pick<'a, T>(items: &'a [T], random: &mut Random) -> &'a T {
    &items[random.below(items.len() as u64) as usize]
}

/// A place in `bytes`, more often near the start, where lengths and counts are.
fn place(bytes: &[u8], random: &mut Random) -> usize {
    let len = bytes.len() as u64;
    let near = if random.below(2) == 0 { len.min(64) } else { len };
    random.below(near.max(1)) as usize
}

fn mutate(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    if bytes.is_empty() {
        bytes.push(random.bits() as u8);
    }
    let at = place(bytes, random);
    let run = (1 + random.below(16) as usize).min(bytes.len() - at);
    match random.below(11) {
        0 | 1 => bytes[at] ^= 1 << random.below(8),
        2 => bytes[at] = random.bits() as u8,
        3 => bytes[at] = *pick(&TELLING, random),
        4 => bytes[at] = bytes[at].wrapping_add(if random.below(2) == 0 { 1 } else { 255 }),
        5 => bytes.truncate(at),
        6 => drop(bytes.drain(at..at + run)),
        7 if bytes.len() < LEN_MAX => {
            let copy = bytes[at..at + run].to_vec();
            let to = place(bytes, random);
            bytes.splice(to..to, copy);
        }
        8 => {
            // A huge number, as varint and as eight bytes.
            let huge = (u64::MAX >> random.below(64)).to_le_bytes();
            let varint = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
            let from: &[u8] = if random.below(2) == 0 { &huge } else { &varint };
            let len = from.len().min(bytes.len() - at);
            bytes[at..at + len].copy_from_slice(&from[..len]);
        }
        9 => {
            let other = pick(seeds, random);
            let from = random.below(other.len() as u64 + 1) as usize;
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
            bytes.truncate(LEN_MAX.max(other.len()));
        }
        _ => {
            let to = place(bytes, random);
            bytes.swap(at, to);
        }
    }
}
