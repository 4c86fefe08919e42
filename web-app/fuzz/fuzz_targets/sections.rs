#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| amt_web_app::fuzzing::sections(data));
