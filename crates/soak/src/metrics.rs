//! What a process says of itself at an OpenMetrics or Prometheus address, as numbers by name.

use std::collections::BTreeMap;
use std::io::Read;

use crate::{Error, Result};

/// How long an answer may take, in seconds: a node that is busy for longer is a sample missed.
const PATIENCE_SECONDS: u64 = 5;

/// The most that may stand before an answer, in bytes.
const HEADERS_BYTES_MAX: usize = 64 << 10;

/// The longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// Asks the address once. Follows no redirection.
///
/// # Errors
/// [`Error::Metrics`] where it does not answer with text.
pub fn fetch(url: &str) -> Result<BTreeMap<String, f64>> {
    let wrong = |what: String| Error::Metrics {
        url: url.into(),
        what,
    };
    let answer = minreq::get(url)
        .with_timeout(PATIENCE_SECONDS)
        .with_follow_redirects(false)
        .with_max_headers_size(HEADERS_BYTES_MAX)
        .send_lazy()
        .map_err(|error| wrong(error.to_string()))?;
    if answer.status_code != 200 {
        return Err(wrong(format!(
            "expected status 200, found {} {}",
            answer.status_code, answer.reason_phrase
        )));
    }
    let mut text = String::new();
    Read::take(answer, ANSWER_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| wrong(error.to_string()))?;
    Ok(parse(&text))
}

/// Every sample of the text exposition format, by its name with its labels. What is no finite number is left out, and so
/// is a line that is none of the format.
pub fn parse(text: &str) -> BTreeMap<String, f64> {
    text.lines().filter_map(sample).collect()
}

fn sample(line: &str) -> Option<(String, f64)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let name_end = match line.find(['{', ' ', '\t'])? {
        brace if line[brace..].starts_with('{') => brace + labels_end(&line[brace..])?,
        space => space,
    };
    let (name, rest) = line.split_at(name_end);
    let figure: f64 = rest.split_whitespace().next()?.parse().ok()?;
    figure.is_finite().then(|| (name.to_owned(), figure))
}

/// Where labels end, behind their closing brace: one within quotes is none.
fn labels_end(labels: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in labels.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '}' if !quoted => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;
    use std::thread;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn samples_are_read_by_name_and_labels() {
        let text = "# TYPE peers gauge\npeers 7\nbytes_total{topic=\"a}\\\"b\",side=\"x\"} 1.5e3 1700000000\nodd NaN\nbroken\n# EOF\n";
        let read = parse(text);
        assert_eq!(read["peers"], 7.0);
        assert_eq!(read["bytes_total{topic=\"a}\\\"b\",side=\"x\"}"], 1500.0);
        assert_eq!(read.len(), 2);
    }

    #[test]
    fn an_address_is_asked_over_http_and_one_that_does_not_answer_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/metrics", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            stream
                .write_all(
                    b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\npeers 7\n",
                )
                .unwrap();
        });
        assert_eq!(fetch(&url).unwrap()["peers"], 7.0);
        server.join().unwrap();
        let error = fetch(&url).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("cannot read {url}: ")),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in ".*") {
            parse(&text);
        }
    }
}
