//! See `chronicle_tests::fuzzing::decode_ship_record`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chronicle_tests::fuzzing::decode_ship_record(data));
