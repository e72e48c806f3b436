//! Sizes for people.
use alloc::string::String;

/// A number of bytes as people read it, e.g. `1.5 MiB`.
pub fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut shown = None;
    for (power, unit) in (1u32..).zip(UNITS) {
        let scale = 1u64 << (10 * power);
        if bytes >= scale {
            // Tenths, in integers: no floating point in a plan.
            let tenths = u128::from(bytes) * 10 / u128::from(scale);
            shown = Some(alloc::format!("{}.{} {unit}", tenths / 10, tenths % 10));
        }
    }
    shown.unwrap_or_else(|| alloc::format!("{bytes} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_said_in_its_largest_unit() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1_023, "1023 bytes"),
            (1_024, "1.0 KiB"),
            (1_600, "1.5 KiB"),
            (5 << 30, "5.0 GiB"),
            (u64::MAX, "16383.9 PiB"),
        ] {
            assert_eq!(human_bytes(bytes), text);
        }
    }
}
