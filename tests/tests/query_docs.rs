//! What the documents say about queries is so: each statement parses, and those of `query.md` answer what it shows.
use chronicle::query::parse_statement;
use chronicle_tests::program::{chronicle, chronicle_with_input};
use std::fs;
use std::path::Path;

fn document(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read_to_string(root.join(name)).unwrap()
}

/// Fenced blocks of a document: language and text.
fn blocks(text: &str) -> Vec<(String, String)> {
    let mut blocks: Vec<(String, String)> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        match line.strip_prefix("```") {
            Some(language) if !open => {
                blocks.push((language.to_owned(), String::new()));
                open = true;
            }
            Some(_) => open = false,
            None if open => {
                let (_, block) = blocks.last_mut().unwrap();
                block.push_str(line);
                block.push('\n');
            }
            None => {}
        }
    }
    blocks
}

#[test]
fn every_statement_that_is_printed_parses() {
    let mut statements: Vec<String> = Vec::new();
    for name in ["README.md", "core/docs/query.md", "core/docs/architecture.md"] {
        let text = document(name);
        statements
            .extend(blocks(&text).into_iter().filter(|(language, _)| language == "sql").map(|(_, sql)| sql));
        // On command lines and in running text: what stands between quotes or back ticks.
        for line in text.lines() {
            for quote in ['"', '`'] {
                let parts =
                    line.split(quote).filter(|part| part.starts_with("SELECT ") && !part.contains("..."));
                statements.extend(
                    parts.filter(|part| part.contains(" FROM ") && !part.ends_with('\\')).map(str::to_owned),
                );
            }
        }
    }
    statements.extend(
        [
            // The design's own.
            "SELECT mean(value) FROM cpu WHERE host = 'a' AND time > now() - 1h GROUP BY time(5m), host LIMIT 10",
            "SELECT mean(value) FROM cpu GROUP BY time(5m), host",
        ]
        .map(str::to_owned),
    );
    assert!(statements.len() >= 8, "{statements:?}");
    for statement in statements {
        parse_statement(&statement, 0).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn the_examples_of_the_page_answer_what_it_shows() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("data.db").to_str().unwrap().to_owned();
    chronicle(&["init", "--path", &db]).done();
    let blocks = blocks(&document("core/docs/query.md"));
    let (_, csv) = blocks.iter().find(|(language, _)| language == "csv").unwrap();
    chronicle_with_input(&["import", "--path", &db], csv.as_bytes()).done();
    let mut shown = 0;
    for [(language, sql), (next, answer)] in blocks.array_windows() {
        if language == "sql" && next == "text" {
            shown += 1;
            assert_eq!(chronicle(&["query", "--path", &db, sql.trim()]).done(), *answer, "{sql}");
        }
    }
    assert!(shown >= 4, "{shown} examples");
}
