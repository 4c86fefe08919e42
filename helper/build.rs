//! Makes sure that the folder of the built page exists, so that a helper can be built before its page is, and packs the page's
//! files for the wire: once here instead of at every visit.

use std::io::Write;
use std::path::Path;
use std::{env, fs, io};

/// What is smaller gains nothing.
const WORTH_PACKING: usize = 512;

fn main() -> io::Result<()> {
    let dist = concat!(env!("CARGO_MANIFEST_DIR"), "/../dist");
    // Where it cannot be made, rust-embed says what is missing.
    let _ = fs::create_dir_all(dist);
    println!("cargo::rerun-if-changed={dist}");
    let packed = Path::new(&env::var("OUT_DIR").map_err(io::Error::other)?).join("packed");
    let _ = fs::remove_dir_all(&packed);
    fs::create_dir_all(&packed)?;
    // A debug build reads the page's files when they are asked for, and does not have to wait for this.
    if env::var("PROFILE").is_ok_and(|profile| profile == "release")
        && let Ok(files) = fs::read_dir(dist)
    {
        for file in files {
            pack(&file?.path(), &packed)?;
        }
    }
    Ok(())
}

fn pack(file: &Path, into: &Path) -> io::Result<()> {
    let Some(name) = file.file_name().and_then(|name| name.to_str()).filter(|_| file.is_file()) else { return Ok(()) };
    let bytes = fs::read(file)?;
    if bytes.len() < WORTH_PACKING {
        return Ok(());
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&bytes)?;
    let mut brotli = Vec::new();
    brotli::CompressorWriter::new(&mut brotli, 1 << 16, 11, 22).write_all(&bytes)?;
    for (ending, packed) in [("gz", gzip.finish()?), ("br", brotli)] {
        if packed.len() < bytes.len() {
            fs::write(into.join(format!("{name}.{ending}")), packed)?;
        }
    }
    Ok(())
}
