//! What each dialect has, as data.

use domain::outgoing::Dialect;

/// Marks that stand before and behind something; `{}` is the address of a link.
pub(crate) type Marks = (&'static str, &'static str);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// It is written as it is read, so that it comes back as what it was.
    pub(crate) is_source: bool,
    /// Marks are tags.
    pub(crate) is_html: bool,
    /// What stands for signs that would begin tags and the like; the one for `&` is first.
    pub(crate) entities: &'static [(char, &'static str)],
    /// `\` makes a sign mean itself.
    pub(crate) has_backslash: bool,
    /// What is left without tags and entities counts
    /// (<https://core.telegram.org/bots/api#sendmessage>), and not what is sent.
    pub(crate) hides_tags: bool,
    /// `@` and a name call a person.
    pub(crate) calls_names: bool,
    /// An address with this in it calls a person.
    pub(crate) calling_link: Option<&'static str>,
    /// Of emphasis, strong and struck text.
    pub(crate) formats: [Marks; 3],
    /// The formats are marked by single signs at the edges of words, and nothing can be escaped
    /// (<https://docs.slack.dev/messaging/formatting-message-text>,
    /// <https://faq.whatsapp.com/539178204879377>, <https://developers.google.com/workspace/chat/format-messages>).
    pub(crate) is_bare: bool,
    /// Blocks are elements, not lines.
    pub(crate) has_elements: bool,
    /// `None` where the address stands behind the text.
    pub(crate) link: Option<Marks>,
    pub(crate) span: Marks,
    /// Of a block of code, and of one in a language, which is `{}`.
    pub(crate) code: Marks,
    pub(crate) named_code: Marks,
    /// What does something even in code: ends it, or calls people; of Google everybody
    /// (<https://developers.google.com/workspace/chat/format-messages#messages-@mention>).
    pub(crate) calls: &'static [&'static str],
    /// What the first line of a quote begins with, what the others do, and what ends it.
    pub(crate) quote: (&'static str, &'static str, &'static str),
    /// How many quotes can be in each other.
    pub(crate) quotes: usize,
    pub(crate) bullet: char,
    /// Of a task that is not done, and of one that is.
    pub(crate) boxes: [&'static str; 2],
    /// The lowest level of headings; lower ones are strong text.
    pub(crate) headings: usize,
    pub(crate) rule: &'static str,
}

const TAGS: &[(char, &str)] = &[('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&quot;")];
const PLAIN: Style = Style {
    is_source: false,
    is_html: false,
    entities: &[],
    has_backslash: false,
    hides_tags: false,
    calls_names: false,
    calling_link: None,
    formats: [("", ""); 3],
    is_bare: false,
    has_elements: false,
    link: None,
    span: ("", ""),
    code: ("", ""),
    named_code: ("", ""),
    calls: &[],
    quote: ("> ", "> ", ""),
    quotes: usize::MAX,
    bullet: '-',
    boxes: ["☐ ", "☑ "],
    headings: 0,
    rule: "———",
};
const TELEGRAM: Style = Style {
    is_html: true,
    entities: TAGS,
    hides_tags: true,
    calls_names: true,
    formats: [("<i>", "</i>"), ("<b>", "</b>"), ("<s>", "</s>")],
    link: Some(("<a href=\"{}\">", "</a>")),
    span: ("<code>", "</code>"),
    code: ("<pre>", "</pre>"),
    named_code: ("<pre><code class=\"language-{}\">", "</code></pre>"),
    quote: ("<blockquote>", "", "</blockquote>"),
    quotes: 1,
    bullet: '•',
    ..PLAIN
};
const HTML: Style = Style {
    hides_tags: false,
    calls_names: false,
    formats: [("<em>", "</em>"), ("<strong>", "</strong>"), ("<del>", "</del>")],
    has_elements: true,
    code: ("<pre><code>", "</code></pre>"),
    rule: "<hr>",
    ..TELEGRAM
};
const MATRIX: Style = Style { calling_link: Some("matrix.to"), calls: &["@room"], ..HTML };
const DISCORD: Style = Style {
    has_backslash: true,
    formats: [("*", "*"), ("**", "**"), ("~~", "~~")],
    link: Some(("[", "]({})")),
    span: ("`", "`"),
    code: ("```\n", "\n```"),
    named_code: ("```{}\n", "\n```"),
    calls: &["```"],
    quotes: 1,
    headings: 3,
    ..PLAIN
};
const MARKDOWN: Style = Style {
    is_source: true,
    calls: &[],
    quotes: usize::MAX,
    boxes: ["[ ] ", "[x] "],
    headings: 6,
    rule: "***",
    ..DISCORD
};
const WHATSAPP: Style = Style {
    has_backslash: false,
    formats: [("_", "_"), ("*", "*"), ("~", "~")],
    is_bare: true,
    link: None,
    named_code: ("```\n", "\n```"),
    headings: 0,
    ..DISCORD
};
const GOOGLE: Style = Style { link: Some(("<{}|", ">")), calls: &["```", "<users/"], ..WHATSAPP };
/// <https://docs.slack.dev/messaging/formatting-message-text#escaping>
const SLACK: Style =
    Style { entities: TAGS.split_at(3).0, calls: &["```"], bullet: '•', ..GOOGLE };

impl Style {
    pub(crate) const fn of(dialect: Dialect) -> &'static Self {
        match dialect {
            Dialect::TelegramHtml => &TELEGRAM,
            Dialect::Discord => &DISCORD,
            Dialect::Mrkdwn => &SLACK,
            Dialect::WhatsApp => &WHATSAPP,
            Dialect::GoogleChat => &GOOGLE,
            Dialect::MatrixHtml => &MATRIX,
            Dialect::MailHtml => &HTML,
            Dialect::Markdown => &MARKDOWN,
            Dialect::Plain => &PLAIN,
        }
    }
}
