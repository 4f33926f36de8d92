//! How variables are named: after their type or role. `it` is the parameter of a closure on one line,
//! where the call around it says what it is.

use std::fs;

use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Expr, ExprClosure, Macro, Pat, PatIdent, Token};

use crate::tidy::{root, sources};

/// Lines on which `it` is bound where it may not be.
#[derive(Default)]
struct Bindings(Vec<usize>);

impl<'ast> Visit<'ast> for Bindings {
    fn visit_pat_ident(&mut self, pattern: &'ast PatIdent) {
        if pattern.ident == "it" {
            self.0.push(pattern.ident.span().start().line);
        }
        visit::visit_pat_ident(self, pattern);
    }

    fn visit_expr_closure(&mut self, closure: &'ast ExprClosure) {
        let span = closure.span();
        let is_on_one_line = span.start().line == span.end().line;
        for parameter in &closure.inputs {
            if !is_on_one_line || !is_it(parameter) {
                self.visit_pat(parameter);
            }
        }
        self.visit_expr(&closure.body);
    }

    /// Most macros take expressions; what others take is not looked at.
    fn visit_macro(&mut self, call: &'ast Macro) {
        let arguments = Punctuated::<Expr, Token![,]>::parse_terminated;
        for argument in call.parse_body_with(arguments).into_iter().flatten() {
            let mut inner = Self::default();
            inner.visit_expr(&argument);
            self.0.extend(inner.0);
        }
    }
}

fn is_it(parameter: &Pat) -> bool {
    if let Pat::Type(typed) = parameter {
        return is_it(&typed.pat);
    }
    if let Pat::Reference(reference) = parameter {
        return is_it(&reference.pat);
    }
    matches!(parameter, Pat::Ident(pattern) if pattern.ident == "it")
}

fn lines_of(text: &str) -> Vec<usize> {
    let mut bindings = Bindings::default();
    bindings.visit_file(&syn::parse_file(text).unwrap());
    bindings.0.sort_unstable();
    bindings.0
}

#[test]
fn variables_have_names() {
    let mut complaints = Vec::new();
    for path in sources(root()) {
        let lines = lines_of(&fs::read_to_string(&path).unwrap());
        complaints.extend(lines.iter().map(|line| format!("{}:{line}", path.display())));
    }
    assert!(complaints.is_empty(), "name it after its type or role: {complaints:#?}");
}

#[test]
fn the_word_it_is_known_for_what_it_is() {
    let text = "fn f(it: u8) {\n let it = a.map(|it| it + 1);\n if let Some(it) = b {}\n \
        c.map(|it| {\n it\n });\n assert!(d.all(|&it| it), \"{}\", e.map(|(it, _)| it));\n}";
    assert_eq!(lines_of(text), [1, 2, 3, 4, 7]);
}
