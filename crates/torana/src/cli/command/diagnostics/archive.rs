//! Packs the parts of an export into one zip file.

use std::io::{self, Write as _};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use rawzip::{CompressionMethod, ZipArchiveWriter};

/// One file of an export.
#[derive(Debug)]
pub(super) struct Part {
    /// Path inside the archive.
    pub(super) path: &'static str,
    /// What it holds, for the list of files.
    pub(super) media_type: &'static str,
    /// Its content.
    pub(super) text: String,
}

/// The archive as bytes. Parts are bounded, so it is built in memory and written whole.
pub(super) fn pack(parts: &[Part]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut archive = ZipArchiveWriter::new(&mut bytes);
    for part in parts {
        let (mut entry, config) = archive
            .new_file(part.path)
            .compression_method(CompressionMethod::DEFLATE)
            .start()
            .map_err(io::Error::other)?;
        let mut writer = config.wrap(DeflateEncoder::new(&mut entry, Compression::default()));
        writer.write_all(part.text.as_bytes())?;
        let (encoder, descriptor) = writer.finish().map_err(io::Error::other)?;
        encoder.finish()?;
        entry.finish(descriptor).map_err(io::Error::other)?;
    }
    archive.finish().map_err(io::Error::other)?;
    Ok(bytes)
}

/// Reads an archive back, for tests of what is in one.
#[cfg(test)]
pub(super) fn unpack(bytes: &[u8]) -> std::collections::BTreeMap<String, String> {
    use std::io::Read as _;

    let archive = rawzip::ZipArchive::from_slice(bytes).expect("an archive");
    let mut entries = archive.entries();
    let mut parts = std::collections::BTreeMap::new();
    while let Some(header) = entries.next_entry().expect("an entry") {
        let path = header.file_path().try_normalize().expect("a path");
        let entry = archive.get_entry(header.wayfinder()).expect("its data");
        let decoder = flate2::bufread::DeflateDecoder::new(entry.data());
        let mut text = String::new();
        let mut reader = entry.verifying_reader(decoder);
        reader.read_to_string(&mut text).expect("text");
        parts.insert(path.as_ref().to_owned(), text);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_there_whole() {
        let part = |path, text: String| Part {
            path,
            media_type: "text/plain",
            text,
        };
        let long = "the gateway is running\n".repeat(10_000);
        let bytes = pack(&[part("a.txt", long.clone()), part("b/c.txt", "x".into())]);
        let bytes = bytes.expect("packed");
        assert!(bytes.len() < long.len() / 20, "{} bytes", bytes.len());
        let parts = unpack(&bytes);
        assert_eq!(parts["a.txt"], long);
        assert_eq!(parts["b/c.txt"], "x");
    }
}
