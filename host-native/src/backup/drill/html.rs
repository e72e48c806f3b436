//! The report of a drill as one page for people: it needs no other file and no network, and reads in light and in dark, on a
//! phone and on paper.
use super::picture::picture;
use super::report::{DrillCheck, DrillMetric, DrillReport};
use chronicle_core::text::human_bytes;
use chronicle_core::time::format_timestamp;
use std::time::Duration;

const STYLE: &str = include_str!("style.css");
/// Metrics in the table; more are counted.
const METRICS_MAX: usize = 200;

impl DrillReport {
    /// The report as one HTML page, to be shown to people who were not there.
    pub fn to_html(&self) -> String {
        let title = if self.passed() { "Restore drill: proven" } else { "Restore drill: failed" };
        let sections = [
            self.verdict(),
            self.facts(),
            self.compared(),
            self.what_can_be_restored(),
            self.measured(),
            self.listed(),
            self.again(),
        ];
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
             {}<footer>Chronicle {}, drill of {}, report made by the program that restored it.</footer>\n</main>\n</body>\n</html>\n",
            sections.concat(),
            env!("CARGO_PKG_VERSION"),
            plain_time(self.started_ns)
        )
    }

    fn verdict(&self) -> String {
        let (class, word) = if self.passed() {
            ("good", "Restored and proven")
        } else {
            ("bad", "Not proven: the drill failed")
        };
        let said = match (&self.moment, self.passed()) {
            (Some(moment), true) => format!(
                "The backup was restored as of <time>{}</time>, in {}. It holds {} in {} series, and everything that was compared is equal.",
                plain_time(moment.commit_time_ns),
                seconds(self.times.restore),
                counted(self.points(), "point"),
                grouped(self.series)
            ),
            (Some(_), false) => format!(
                "The backup could be restored, but what came back is not what it should be: {}.",
                escaped(&self.failed())
            ),
            (None, _) => format!("The backup could not be restored: {}.", escaped(&self.failed())),
        };
        format!(
            "<section class=\"verdict {class}\">\n<p class=\"word\">Restore drill of {}</p>\n<h1>{word}</h1>\n<p>{said}</p>\n</section>\n",
            plain_time(self.started_ns)
        )
    }

    fn failed(&self) -> String {
        let failed = self.checks.iter().filter(|check| !check.passed);
        failed.map(|check| check.detail.as_str()).collect::<Vec<_>>().join("; ")
    }

    fn facts(&self) -> String {
        let mut facts =
            vec![whole_fact("Backup", &format!("<code>{}</code>", escaped(&self.source)), self.kind)];
        if let Some(moment) = &self.moment {
            let point =
                moment.point.as_deref().map(|point| format!("commit {}, {}", moment.lsn, escaped(point)));
            let point = point.unwrap_or_else(|| format!("commit {}", moment.lsn));
            facts.push(fact("State after", &plain_time(moment.commit_time_ns), &point));
            let age = self.started_ns.saturating_sub(moment.commit_time_ns);
            facts.push(fact("Its age at the drill", &age_of(age), "from its last commit"));
            facts.push(fact(
                "Points",
                &grouped(self.points()),
                &format!("in {} series", grouped(self.series)),
            ));
            let rate = human_bytes(self.bytes_per_second() as u64);
            facts.push(fact(
                "Restored in",
                &seconds(self.times.restore),
                &format!("{}, {rate}/s", human_bytes(self.bytes)),
            ));
        }
        if let Some(digest) = self.digest {
            facts.push(whole_fact(
                "Digest of the data",
                &format!("<code>{digest}</code>"),
                "order-independent, over every point",
            ));
        }
        format!("<dl class=\"facts\">\n{}</dl>\n", facts.concat())
    }

    fn compared(&self) -> String {
        let checks: String = self.checks.iter().map(check).collect();
        section("What was compared", &format!("<ul class=\"checks\">\n{checks}</ul>\n"))
    }

    fn what_can_be_restored(&self) -> String {
        let mut html = picture(self);
        if !self.damaged.is_empty() {
            html.push_str(&format!(
                "<p><b>Records that can't be read:</b> {}. What they name is not in the picture.</p>\n",
                escaped(&self.damaged.join(", "))
            ));
        }
        if html.is_empty() { html } else { section("What can be restored", &html) }
    }

    fn measured(&self) -> String {
        if self.moment.is_none() {
            return String::new();
        }
        let rows = [
            ("Restore: copied, checked, log folded in", self.times.restore),
            ("Opening the restored database", self.times.open),
            ("First query over it", self.times.first_query),
            ("Reading every point for the digest", self.times.digest),
            ("The whole drill", self.took),
        ];
        let rows: String = rows
            .iter()
            .map(|(what, took)| {
                format!(
                    "<tr><td class=\"name\">{what}</td><td class=\"number\">{}</td></tr>\n",
                    seconds(*took)
                )
            })
            .collect();
        section(
            "How long it took",
            &format!("<div class=\"wide\"><table><tbody>\n{rows}</tbody></table></div>\n"),
        )
    }

    fn listed(&self) -> String {
        if self.metrics.is_empty() {
            return String::new();
        }
        let rows: String = self.metrics.iter().take(METRICS_MAX).map(metric).collect();
        let more = match self.metrics.len().saturating_sub(METRICS_MAX) {
            0 => String::new(),
            more => format!("<p class=\"quiet\">{more} more metrics are in the JSON report.</p>\n"),
        };
        let head = "<thead><tr><th>Metric</th><th class=\"number\">Series</th><th class=\"number\">Points</th><th>First, UTC</th><th>Last, UTC</th><th class=\"number\">Compared</th><th>Agrees</th></tr></thead>";
        section(
            "What came back",
            &format!("<div class=\"wide\"><table>{head}<tbody>\n{rows}</tbody></table></div>\n{more}"),
        )
    }

    fn again(&self) -> String {
        let at = match &self.moment {
            Some(moment) if !self.kind.contains("repository") => {
                let _ = moment;
                String::new()
            }
            Some(moment) => format!(" --at lsn:{}", moment.lsn),
            None => format!(" --at {}", self.asked),
        };
        let command = format!("chronicle drill --source '{}'{at}", self.source.replace('\'', "'\\''"));
        section("Do it again", &format!("<pre><code>{}</code></pre>\n", escaped(&command)))
    }
}

fn section(title: &str, body: &str) -> String {
    format!("<section>\n<h2>{title}</h2>\n{body}</section>\n")
}

/// `value` is HTML, the others are text of ours.
fn fact(name: &str, value: &str, note: &str) -> String {
    format!("<div><dt>{name}</dt><dd>{value}<small>{note}</small></dd></div>\n")
}

/// A fact over the whole width.
fn whole_fact(name: &str, value: &str, note: &str) -> String {
    fact(name, value, note).replacen("<div>", "<div class=\"whole\">", 1)
}

fn check(check: &DrillCheck) -> String {
    let (class, word) = if check.passed { ("good", "✓ equal") } else { ("bad", "✗ failed") };
    format!(
        "<li><b class=\"{class}\">{word}</b><span>{}<small>{}</small></span></li>\n",
        escaped(&capital(&check.claim)),
        escaped(&check.detail)
    )
}

fn metric(metric: &DrillMetric) -> String {
    let compared = metric.compared.map_or("not sampled".into(), grouped);
    let (class, word) = if metric.agrees { ("good", "yes") } else { ("bad", "no") };
    format!(
        "<tr><td class=\"name\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td><td>{}</td><td>{}</td><td class=\"number\">{compared}</td><td class=\"{class}\">{word}</td></tr>\n",
        escaped(&metric.name),
        grouped(metric.series),
        grouped(metric.points),
        cell_time(metric.time_ns.0),
        cell_time(metric.time_ns.1)
    )
}

/// Text in HTML, in and outside of attributes. Control characters are shown, not sent.
pub(super) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c if c.is_control() => html.extend(c.escape_default()),
            c => html.push(c),
        }
    }
    html
}

/// A time in UTC, to the second: the report for machines has all nine digits.
pub(super) fn plain_time(ns: i64) -> String {
    let text = format_timestamp(ns);
    let seconds = text.split(['.', 'Z']).next().unwrap_or(&text);
    format!("{} UTC", seconds.replace('T', " "))
}

/// The same below a heading that says UTC.
fn cell_time(ns: i64) -> String {
    plain_time(ns).trim_end_matches(" UTC").to_owned()
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

fn seconds(took: Duration) -> String {
    match took.as_secs_f64() {
        seconds if seconds < 0.001 => format!("{:.2} ms", seconds * 1e3),
        seconds if seconds < 1.0 => format!("{:.0} ms", seconds * 1e3),
        seconds => format!("{seconds:.1} s"),
    }
}

fn age_of(ns: i64) -> String {
    let seconds = ns / 1_000_000_000;
    match seconds {
        ..0 => "in the future: a clock was set back".into(),
        0..120 => format!("{seconds} seconds"),
        120..7_200 => format!("{} minutes", seconds / 60),
        7_200..172_800 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", grouped((seconds / 86_400).unsigned_abs())),
    }
}

fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_stays_text() {
        assert_eq!(escaped("<b a=\"x\" b='y'>&\u{7}"), "&lt;b a=&quot;x&quot; b=&#39;y&#39;&gt;&amp;\\u{7}");
    }

    #[test]
    fn times_and_numbers_read_well() {
        assert_eq!(plain_time(1_706_400_000_123_000_000), "2024-01-28 00:00:00 UTC");
        assert_eq!((grouped(999), grouped(1_234_567)), ("999".into(), "1,234,567".into()));
        assert_eq!(seconds(Duration::from_micros(120)), "0.12 ms");
        assert_eq!(age_of(7_300_000_000_000), "2 hours");
    }
}
