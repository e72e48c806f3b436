//! The examples in `core/docs/format.md` are what the code computes, so a reader written from the page can trust them.
use chronicle_core::digest::Digest;
use chronicle_core::model::{Series, Tags};

const PAGE: &str = include_str!("../../core/docs/format.md");

#[test]
fn the_series_key_and_the_digest_of_the_page_are_right() {
    let series = Series { metric: "cpu".into(), tags: Tags::new([("host", "a")]).unwrap() };
    let key: String = series.key().0.to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(PAGE.contains(&format!("`{key}`")), "series key {key}");
    let mut digest = Digest::default();
    digest.add(series.key(), &[1_706_400_000_000_000_000], &[21.5f64.to_bits()]);
    assert!(PAGE.contains(&format!("`{digest}`")), "digest {digest}");
}

#[test]
fn every_link_between_the_pages_leads_somewhere() {
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/docs");
    let mut pages = vec![docs.join("format.md"), docs.join("architecture.md"), docs.join("../../README.md")];
    pages.extend(std::fs::read_dir(docs.join("format")).unwrap().map(|entry| entry.unwrap().path()));
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap();
            if !file.is_empty() && !file.contains("://") {
                assert!(page.parent().unwrap().join(file).exists(), "{}: {link}", page.display());
            }
        }
    }
}
