//! See `chronicle_tests::fuzzing::decode_object_name`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chronicle_tests::fuzzing::decode_object_name(data));
