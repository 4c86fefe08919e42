use super::*;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder that is gone with the test.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("amt-helper-tls-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A certificate for these names, and itself in PEM.
pub(in super::super) fn certificate(names: &[&str]) -> (Tls, String) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
    let place = Place::new();
    let (certificate, key) = (place.file("cert.pem", &cert.pem()), place.file("key.pem", &signing_key.serialize_pem()));
    (Tls::from_files(&certificate, &key).unwrap(), cert.pem())
}

fn complaint(certificate: &Path, key: &Path) -> String {
    Tls::from_files(certificate, key).err().expect("it cannot be used").to_string()
}

#[test]
fn the_names_of_a_certificate_are_known_and_no_others() {
    let (tls, _) = certificate(&["tv.example", "*.screens.example", "192.0.2.7", "2001:db8::7"]);
    for host in ["tv.example", "TV.example", "192.0.2.7", "[2001:db8::7]"] {
        assert!(tls.carries(host) && tls.fits(host), "{host}");
    }
    // Anybody may have a name under a wildcard, and point it here.
    assert!(tls.fits("one.screens.example") && !tls.carries("one.screens.example"));
    for host in
        ["", "evil.example", "tv.example.evil", "a.b.screens.example", "192.0.2.8", "[::1]", "localhost", "*", "a b"]
    {
        assert!(!tls.carries(host) && !tls.fits(host), "{host}");
    }
}

#[test]
fn what_is_wrong_with_the_files_is_told_with_the_option() {
    let place = Place::new();
    let pair = || generate_simple_self_signed(vec!["tv.example".to_owned()]).unwrap();
    let (one, other) = (pair(), pair());
    let certificate = place.file("cert.pem", &one.cert.pem());
    let key = place.file("key.pem", &one.signing_key.serialize_pem());
    assert!(Tls::from_files(&certificate, &key).is_ok());

    let nowhere = place.0.join("nowhere.pem");
    let foreign = place.file("foreign.pem", &other.signing_key.serialize_pem());
    let garbage = place.file("garbage.pem", "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n");
    let hollow = place.file("hollow.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    for (certificate, key, words) in [
        (&nowhere, &key, ["nowhere.pem cannot be read", "--tls-cert"]),
        (&certificate, &nowhere, ["nowhere.pem cannot be read", "--tls-key"]),
        (&key, &key, ["key.pem contains no CERTIFICATE section", "--tls-cert"]),
        (&certificate, &certificate, ["cert.pem contains no private key", "--tls-key"]),
        (&garbage, &key, ["garbage.pem is not a valid PEM file", "--tls-cert"]),
        (&hollow, &key, ["hollow.pem cannot be used", "X.509"]),
        (&certificate, &foreign, ["foreign.pem does not match the certificate", "first"]),
    ] {
        let complaint = complaint(certificate, key);
        assert!(words.iter().all(|word| complaint.contains(word)), "{complaint}");
    }
}
