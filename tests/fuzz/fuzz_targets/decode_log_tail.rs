//! See `chronicle_tests::fuzzing::decode_log_tail`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chronicle_tests::fuzzing::decode_log_tail(data));
