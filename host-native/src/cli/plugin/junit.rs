//! The card of a conformance run as JUnit XML, which CI systems show.
use chronicle::destination::conformance::{Card, Outcome};

pub(super) fn junit(card: &Card) -> String {
    let skipped = card.checks.iter().filter(|check| check.outcome == Outcome::Skipped).count();
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{skipped}\" \
         time=\"{:.3}\">\n",
        escaped(&card.destination),
        card.checks.len(),
        card.failed().count(),
        card.took.as_secs_f64()
    );
    for check in &card.checks {
        let about = escaped(check.about);
        let head = format!(
            "  <testcase classname=\"chronicle.destination\" name=\"{}\" time=\"{:.3}\"",
            escaped(check.id),
            check.took.as_secs_f64()
        );
        xml.push_str(&match &check.outcome {
            Outcome::Passed => format!("{head}/>\n"),
            Outcome::Skipped => format!("{head}><skipped message=\"{about}\"/></testcase>\n"),
            Outcome::Failed(why) => {
                format!("{head}><failure message=\"{about}\">{}</failure></testcase>\n", escaped(why))
            }
        });
    }
    xml.push_str("</testsuite>\n");
    xml
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML has no other control characters, not even escaped.
            c if c.is_control() && !matches!(c, '\n' | '\t') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn text_of_a_plugin_does_not_end_an_element() {
        assert_eq!(super::escaped("</failure> \"&\u{1b}"), "&lt;/failure&gt; &quot;&amp;\u{fffd}");
    }
}
