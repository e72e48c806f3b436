//! See `chronicle_tests::fuzzing::decode_age_payload`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chronicle_tests::fuzzing::decode_age_payload(data));
