#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| amt_helper::fuzzing::reinject(data));
