//! CEL text to a compiled expression: the `cel` crate parses, we check names and types and flatten.
//!
//! Separate from evaluation. Supported: `&& || !`, comparisons, `+ - * /`, numbers, `true`, `false`, `in` with a list of
//! literals, `? :`, `known(x)`, every feature's name, `score`, `blocklisted`, `kind` and `tier` against words. Invariant:
//! whatever is refused is refused here, with the byte where it stands; a compiled expression cannot fail.

use cel::common::ast::operators as op;
use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, SourceInfo};
use features::{CATALOG, feature_by_name};
use schema::Tier;
use schema::limits::{RULE_BYTES_MAX, RULE_NODES_MAX};

use super::expr::{Arithmetic, Comparison, DEPTH_MAX, KINDS, Node, Program, Variable};
use crate::error::nearest;

/// Byte offset in the expression and what is wrong there.
pub(super) type Wrong = (usize, String);

/// What a node's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Number,
    Truth,
    Kind,
}

/// Compiles an expression that must be a condition.
pub(super) fn compile(source: &str) -> Result<Program, Wrong> {
    if source.len() > RULE_BYTES_MAX {
        return Err((
            0,
            format!("the expression is {} bytes long, at most {RULE_BYTES_MAX} are allowed", source.len()),
        ));
    }
    if let Some(at) = source.bytes().position(|b| !b.is_ascii()) {
        return Err((at, "only ASCII may stand in an expression".into()));
    }
    let parsed =
        cel::parser::Parser::new().max_recursion_depth(DEPTH_MAX as u16).parse_with_source_info(source);
    let (ast, info) = parsed.map_err(|errors| syntax(source, &errors))?;
    let mut compiler = Compiler { info, nodes: Vec::new(), depth: 0 };
    match compiler.expr(&ast)? {
        (_, Type::Truth) => Ok(Program { nodes: compiler.nodes }),
        _ => Err((0, "the expression is a value and no condition: compare it with something".into())),
    }
}

/// The first syntax error, in our words' form.
fn syntax(source: &str, errors: &cel::ParseErrors) -> Wrong {
    let Some(error) = errors.errors.first() else { return (0, "this is no CEL expression".into()) };
    let line = usize::try_from(error.pos.0).unwrap_or(0).max(1);
    let column = usize::try_from(error.pos.1).unwrap_or(0).max(1) - 1;
    let start: usize = source.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let text = error.msg.lines().next().unwrap_or_default();
    ((start + column).min(source.len()), format!("this is no CEL expression: {text}"))
}

struct Compiler {
    info: SourceInfo,
    nodes: Vec<Node>,
    depth: usize,
}

impl Compiler {
    fn wrong<T>(&self, at: &IdedExpr, detail: impl Into<String>) -> Result<T, Wrong> {
        let offset = self.info.offset_for(at.id).map_or(0, |(start, _)| start as usize);
        Err((offset, detail.into()))
    }

    fn push(&mut self, at: &IdedExpr, node: Node) -> Result<u16, Wrong> {
        if self.nodes.len() >= RULE_NODES_MAX {
            return self
                .wrong(at, format!("the expression has more than {RULE_NODES_MAX} parts: split the rule"));
        }
        self.nodes.push(node);
        Ok((self.nodes.len() - 1) as u16)
    }

    fn expr(&mut self, e: &IdedExpr) -> Result<(u16, Type), Wrong> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return self.wrong(e, format!("the expression is nested deeper than {DEPTH_MAX}"));
        }
        let result = match &e.expr {
            Expr::Literal(literal) => self.literal(e, literal),
            Expr::Ident(name) => self.name(e, name),
            Expr::Call(call) if call.target.is_none() => self.call(e, call),
            Expr::Call(call) => self.wrong(e, format!("the method {:?} is not supported", call.func_name)),
            Expr::Select(select) => {
                self.wrong(e, format!("fields are not supported: write {:?} alone", select.field))
            }
            Expr::List(_) => self.wrong(e, "a list may only stand to the right of `in`"),
            _ => self.wrong(e, "this is not supported in a rule"),
        };
        self.depth -= 1;
        result
    }

    fn literal(&mut self, e: &IdedExpr, literal: &LiteralValue) -> Result<(u16, Type), Wrong> {
        let (number, kind) = match literal {
            LiteralValue::Boolean(b) => (if *b.inner() { 1.0 } else { 0.0 }, Type::Truth),
            LiteralValue::Double(n) => (*n.inner() as f32, Type::Number),
            LiteralValue::Int(n) => (*n.inner() as f32, Type::Number),
            LiteralValue::UInt(n) => (*n.inner() as f32, Type::Number),
            LiteralValue::String(s) => {
                return self.wrong(
                    e,
                    format!("the word {:?} may only be compared with `kind` or `tier`", s.inner()),
                );
            }
            LiteralValue::Bytes(_) | LiteralValue::Null => {
                return self.wrong(e, "only numbers and words are supported");
            }
        };
        if !number.is_finite() {
            return self.wrong(e, "the number does not fit");
        }
        Ok((self.push(e, Node::Number(number))?, kind))
    }

    fn name(&mut self, e: &IdedExpr, name: &str) -> Result<(u16, Type), Wrong> {
        let (node, kind) = match name {
            "kind" => (Node::Variable(Variable::Kind), Type::Kind),
            "score" => (Node::Variable(Variable::Score), Type::Number),
            "blocklisted" => (Node::Variable(Variable::Blocklisted), Type::Truth),
            _ => match feature_by_name(name) {
                Some(feature) => (Node::Feature(feature as u16), Type::Number),
                None => return self.wrong(e, unknown_name(name)),
            },
        };
        Ok((self.push(e, node)?, kind))
    }

    fn call(&mut self, e: &IdedExpr, call: &CallExpr) -> Result<(u16, Type), Wrong> {
        match (call.func_name.as_str(), call.args.as_slice()) {
            (op::LOGICAL_AND, [a, b]) => self.logic(e, [a, b], Node::And),
            (op::LOGICAL_OR, [a, b]) => self.logic(e, [a, b], Node::Or),
            (op::LOGICAL_NOT, [a]) => {
                let a = self.typed(a, Type::Truth)?;
                Ok((self.push(e, Node::Not(a))?, Type::Truth))
            }
            (op::ADD, [a, b]) => self.arithmetic(e, [a, b], Arithmetic::Add),
            (op::SUBSTRACT, [a, b]) => self.arithmetic(e, [a, b], Arithmetic::Subtract),
            (op::MULTIPLY, [a, b]) => self.arithmetic(e, [a, b], Arithmetic::Multiply),
            (op::DIVIDE, [a, b]) => self.arithmetic(e, [a, b], Arithmetic::Divide),
            (op::NEGATE, [a]) => {
                let zero = self.push(e, Node::Number(0.0))?;
                let a = self.typed(a, Type::Number)?;
                Ok((self.push(e, Node::Arithmetic(Arithmetic::Subtract, zero, a))?, Type::Number))
            }
            (op::IN, [a, list]) => self.member(e, a, list),
            (op::CONDITIONAL, [condition, a, b]) => {
                let condition = self.typed(condition, Type::Truth)?;
                let (a, kind) = self.expr(a)?;
                let b = self.typed(b, kind)?;
                Ok((self.push(e, Node::Choose(condition, a, b))?, kind))
            }
            ("known", [a]) => {
                let (a, _) = self.expr(a)?;
                Ok((self.push(e, Node::Known(a))?, Type::Truth))
            }
            (name, [a, b]) => match comparison(name) {
                Some(comparison) => self.compare(e, comparison, [a, b]),
                None => self.wrong(e, unknown_function(name)),
            },
            (name, _) => self.wrong(e, unknown_function(name)),
        }
    }

    fn logic(
        &mut self,
        e: &IdedExpr,
        [a, b]: [&IdedExpr; 2],
        node: fn(u16, u16) -> Node,
    ) -> Result<(u16, Type), Wrong> {
        let (a, b) = (self.typed(a, Type::Truth)?, self.typed(b, Type::Truth)?);
        Ok((self.push(e, node(a, b))?, Type::Truth))
    }

    fn arithmetic(
        &mut self,
        e: &IdedExpr,
        [a, b]: [&IdedExpr; 2],
        what: Arithmetic,
    ) -> Result<(u16, Type), Wrong> {
        let (a, b) = (self.typed(a, Type::Number)?, self.typed(b, Type::Number)?);
        Ok((self.push(e, Node::Arithmetic(what, a, b))?, Type::Number))
    }

    fn compare(
        &mut self,
        e: &IdedExpr,
        what: Comparison,
        [a, b]: [&IdedExpr; 2],
    ) -> Result<(u16, Type), Wrong> {
        let ordered = !matches!(what, Comparison::Equal | Comparison::Differs);
        let (left, right) = (self.operand(a, b)?, self.operand(b, a)?);
        if left.1 != right.1 {
            return self.wrong(e, "the two sides are of different types");
        }
        if ordered && left.1 != Type::Number {
            return self.wrong(e, "only numbers have an order: use == or !=");
        }
        Ok((self.push(e, Node::Compare(what, left.0, right.0))?, Type::Truth))
    }

    /// One side of a comparison: a word takes its number from what it is compared with, `true` is 1 against a flag.
    fn operand(&mut self, e: &IdedExpr, other: &IdedExpr) -> Result<(u16, Type), Wrong> {
        match (&e.expr, &other.expr) {
            (Expr::Literal(LiteralValue::String(word)), Expr::Ident(name)) if name == "kind" => {
                self.word(e, word.inner(), &KINDS, Type::Kind)
            }
            (Expr::Literal(LiteralValue::String(word)), Expr::Ident(name)) if name == "tier" => {
                let words: Vec<&str> = Tier::ALL.iter().map(|t| t.word()).collect();
                self.word(e, word.inner(), &words, Type::Number)
            }
            (Expr::Literal(LiteralValue::Boolean(flag)), Expr::Ident(name)) if name != "blocklisted" => {
                let number = if *flag.inner() { 1.0 } else { 0.0 };
                Ok((self.push(e, Node::Number(number))?, Type::Number))
            }
            _ => self.expr(e),
        }
    }

    fn word(&mut self, e: &IdedExpr, word: &str, words: &[&str], kind: Type) -> Result<(u16, Type), Wrong> {
        let Some(number) = words.iter().position(|w| *w == word) else {
            let hint = nearest(word, words.iter().copied())
                .map_or(String::new(), |n| format!(", did you mean {n:?}?"));
            return self.wrong(e, format!("{word:?} is none of {}{hint}", words.join(", ")));
        };
        Ok((self.push(e, Node::Number(number as f32))?, kind))
    }

    /// `x in [a, b]` as `x == a || x == b`.
    fn member(&mut self, e: &IdedExpr, a: &IdedExpr, list: &IdedExpr) -> Result<(u16, Type), Wrong> {
        let Expr::List(items) = &list.expr else {
            return self.wrong(list, "to the right of `in` must stand a list");
        };
        let mut result: Option<u16> = None;
        for item in &items.elements {
            if !matches!(item.expr, Expr::Literal(_)) {
                return self.wrong(item, "a list may hold only words and numbers");
            }
            let (one, _) = self.compare(item, Comparison::Equal, [a, item])?;
            result = Some(match result {
                None => one,
                Some(before) => self.push(e, Node::Or(before, one))?,
            });
        }
        match result {
            Some(node) => Ok((node, Type::Truth)),
            None => self.wrong(list, "the list is empty"),
        }
    }

    fn typed(&mut self, e: &IdedExpr, expected: Type) -> Result<u16, Wrong> {
        match self.expr(e)? {
            (node, kind) if kind == expected => Ok(node),
            _ if expected == Type::Truth => {
                self.wrong(e, "a condition must stand here: compare the value with something")
            }
            _ => self.wrong(e, "a number must stand here"),
        }
    }
}

fn comparison(name: &str) -> Option<Comparison> {
    Some(match name {
        op::LESS => Comparison::Less,
        op::LESS_EQUALS => Comparison::AtMost,
        op::GREATER => Comparison::Greater,
        op::GREATER_EQUALS => Comparison::AtLeast,
        op::EQUALS => Comparison::Equal,
        op::NOT_EQUALS => Comparison::Differs,
        _ => return None,
    })
}

fn unknown_name(name: &str) -> String {
    let names = CATALOG.iter().map(|f| f.name).chain(["kind", "score", "blocklisted"]);
    let hint = nearest(name, names).map_or(String::new(), |n| format!(", did you mean {n:?}?"));
    format!("there is no feature {name:?}{hint}")
}

fn unknown_function(name: &str) -> String {
    format!("{:?} is not supported; functions are: known(feature)", name.trim_matches(['_', '@']))
}
