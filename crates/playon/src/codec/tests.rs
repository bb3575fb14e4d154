use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::net::IpAddr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::*;

fn write<T: Serialize>(value: &T) -> Encoded {
    let mut writer = StateWriter::new(Vec::new(), None);
    value.serialize(&mut writer).unwrap();
    writer.finish()
}

fn there_and_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) -> Vec<u8> {
    let encoded = write(value);
    let read: T = StateReader::new(&encoded.bytes).read_all().unwrap();
    assert_eq!(read, *value);
    let again = write(&read);
    assert_eq!((again.calls, again.depth), (encoded.calls, encoded.depth));
    assert_eq!(again.bytes, encoded.bytes);
    encoded.bytes
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Newtype<T>(T);

#[test]
fn an_option_of_an_option_keeps_all_of_its_values() {
    type Thrice = Option<Option<Option<u8>>>;
    let values: [Thrice; 4] = [None, Some(None), Some(Some(None)), Some(Some(Some(1)))];
    for value in values {
        there_and_back(&value);
        there_and_back(&vec![value, value]);
        there_and_back(&Newtype(Some(Newtype(value))));
        there_and_back(&(value, 7_u8));
    }
    there_and_back(&Some(()));
    there_and_back(&Some(Unit));
    there_and_back(&Some(Newtype(())));
    there_and_back(&Some(Some(Unit)));
    assert_eq!(there_and_back(&Some(None::<u8>)), [FIXEXT1, EXT_SOME, 1]);
    assert_eq!(there_and_back(&Some(Some(()))), [FIXEXT1, EXT_SOME, 2]);
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Tagged {
    Empty,
    Unit(Unit2),
    Fields {
        option: Option<Option<u8>>,
        wide: u64,
        unit: Unit,
        address: IpAddr,
        inner: Option<Box<Tagged>>,
        letters: (char, String),
        number: f32,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Unit2 {}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    first: u8,
    tagged: Tagged,
    #[serde(flatten)]
    rest: BTreeMap<String, Option<Option<u8>>>,
}

#[test]
fn what_serde_buffers_comes_back() {
    let fields = |inner| Tagged::Fields {
        option: Some(None),
        wide: u64::MAX,
        unit: Unit,
        address: "2001:db8::1".parse().unwrap(),
        inner,
        letters: ('ß', "text".into()),
        number: 0.1,
    };
    there_and_back(&fields(Some(Box::new(fields(Some(Box::new(Tagged::Empty)))))));
    there_and_back(&Tagged::Unit(Unit2 {}));
    let rest = (0..40).map(|n| (format!("k{n}"), Some((n > 2).then_some(n)))).collect();
    there_and_back(&vec![Flat { first: 1, tagged: fields(None), rest }]);
}

#[test]
fn numbers_at_every_edge_come_back() {
    for shift in 0..128 {
        for delta in [-1, 0, 1] {
            let wide = (1_i128 << shift).wrapping_add(delta);
            there_and_back(&(wide, wide.wrapping_neg()));
            there_and_back(&(wide as u128, wide as u64, wide as i64, wide as u32, wide as i32));
            there_and_back(&(wide as u16, wide as i16, wide as u8, wide as i8));
        }
    }
    there_and_back(&(i128::MIN, i128::MAX, u128::MAX));
    for number in [0.0, -0.0, f64::MAX, f64::INFINITY, f64::MIN_POSITIVE, 0.1] {
        there_and_back(&(number, number as f32));
    }
    let odd = f64::from_bits(0x7ff8_0000_dead_beef);
    let bytes = write(&odd).bytes;
    let read: f64 = StateReader::new(&bytes).read_all().unwrap();
    assert_eq!(read.to_bits(), odd.to_bits());
}

#[test]
fn lengths_at_every_edge_come_back() {
    for len in [0, 1, 15, 16, 31, 32, 255, 256, 65_535, 65_536] {
        there_and_back(&"x".repeat(len));
        there_and_back(&vec![200_u8; len]);
        there_and_back(&(0..len as u32).collect::<BTreeSet<_>>());
        there_and_back(&(0..len as u32).map(|n| ((n, 'k'), ())).collect::<BTreeMap<_, _>>());
        there_and_back(&Bytes(vec![3; len]));
    }
}

/// Written by the calls that `serde_bytes` makes.
#[derive(Debug, PartialEq)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Bytes;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
        }
        deserializer.deserialize_byte_buf(Visitor)
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Link {
    next: Option<Box<Link>>,
}

fn chain(links: usize) -> Link {
    (1..links).fold(Link { next: None }, |next, _| Link { next: Some(Box::new(next)) })
}

#[test]
fn depth_is_bounded_when_writing_and_when_reading() {
    // A link is a struct and an option; the last one holds none.
    let deepest = chain(DEPTH_MAX / 2);
    let encoded = write(&deepest);
    assert_eq!(encoded.depth, DEPTH_MAX - 1);
    assert!(StateReader::new(&encoded.bytes).read_all::<Link>().is_ok());
    let mut writer = StateWriter::new(Vec::new(), None);
    let error = chain(DEPTH_MAX / 2 + 1).serialize(&mut writer).unwrap_err();
    assert!(matches!(error, WriteError::TooDeep));
    let nested = vec![0x91; 1 << 20];
    #[derive(Debug, Deserialize)]
    struct List(#[expect(dead_code, reason = "it is only read")] Vec<List>);
    let error = StateReader::new(&nested).read_all::<List>().unwrap_err().to_string();
    assert!(error.ends_with("it is deeper than 1024"), "{error}");
    assert!(StateReader::new(&nested).read_all::<serde::de::IgnoredAny>().is_err());
    let mut somes = Box::new(chain_of_somes(DEPTH_MAX));
    let mut writer = StateWriter::new(Vec::new(), None);
    assert!(somes.serialize(&mut writer).is_err());
    *somes = chain_of_somes(250);
    let bytes = write(&somes).bytes;
    assert_eq!(bytes.len(), 3);
    assert_eq!(write(&StateReader::new(&bytes).read_all::<Somes>().unwrap()).bytes, bytes);
}

#[derive(Serialize, Deserialize)]
struct Somes(Option<Box<Somes>>);

fn chain_of_somes(len: usize) -> Somes {
    (0..len).fold(Somes(None), |inner, _| Somes(Some(Box::new(inner))))
}

#[test]
fn an_error_says_where() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "it is only read")]
    struct Outer {
        list: Vec<BTreeMap<u8, Inner>>,
    }
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "it is only read")]
    struct Inner {
        text: String,
    }
    let value = serde_json::json!({ "list": [{}, {}] });
    let mut bytes = write(&value).bytes;
    // A map whose key is a number, and in it a field that is no text.
    bytes.truncate(bytes.len() - 1);
    bytes.extend([0x81, 5, 0x81, 0xa4, b't', b'e', b'x', b't', 9]);
    let error = StateReader::new(&bytes).read_all::<Outer>().unwrap_err().to_string();
    assert_eq!(error, "`list[1]{5}.text`: invalid type: integer `9`, expected a string");
    let error = StateReader::new(&[1, 2]).read_all::<u8>().unwrap_err().to_string();
    assert_eq!(error, "1 bytes follow it");
}

#[test]
fn what_looks_the_same_in_bytes_makes_other_calls() {
    let same_bytes = |a: Encoded, b: Encoded| {
        assert_eq!(a.bytes, b.bytes);
        assert_ne!(a.calls, b.calls);
    };
    same_bytes(write(&'x'), write(&"x"));
    same_bytes(write(&1_u8), write(&1_u64));
    same_bytes(write(&()), write(&None::<u8>));
    same_bytes(write(&Some(1)), write(&1));
    same_bytes(write(&(1, 2)), write(&vec![1, 2]));
}

#[test]
fn a_type_that_announces_other_parts_than_it_writes_is_refused() {
    struct Liar;
    impl Serialize for Liar {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeSeq;
            let mut seq = serializer.serialize_seq(Some(3))?;
            seq.serialize_element(&1)?;
            seq.end()
        }
    }
    let mut writer = StateWriter::new(Vec::new(), None);
    let error = Liar.serialize(&mut writer).unwrap_err().to_string();
    assert_eq!(error, "its `Serialize` announces 3 parts and writes 1");
}

#[test]
fn a_new_shape_is_noticed_and_a_new_value_is_not() {
    let mut shapes = Shapes::default();
    let mut news = |value: &Vec<Tagged>| {
        let mut writer = StateWriter::new(Vec::new(), Some(&mut shapes));
        value.serialize(&mut writer).unwrap();
        let depth = writer.finish().depth;
        let news = shapes.is_news(depth);
        shapes.prove(depth);
        news
    };
    let fields = |option, wide: u64, number: f32| Tagged::Fields {
        option,
        wide,
        unit: Unit,
        address: "127.0.0.1".parse().unwrap(),
        inner: None,
        letters: ('a', "b".to_owned()),
        number,
    };
    assert!(news(&vec![fields(None, 1, 1.0)]));
    assert!(!news(&vec![fields(None, 2, 3.5), fields(None, i64::MAX as u64, 2.0)]));
    assert!(news(&vec![fields(Some(None), 1, 1.0)]), "a first Some");
    assert!(news(&vec![fields(Some(Some(1)), 1, 1.0)]), "a first Some inside of it");
    assert!(news(&vec![fields(None, u64::MAX, 1.0)]), "a number that is not signed");
    assert!(news(&vec![fields(None, 1, f32::NAN)]), "no number");
    assert!(news(&vec![]), "an empty list");
    assert!(news(&vec![Tagged::Empty]), "another variant");
    assert!(news(&vec![Tagged::Unit(Unit2 {})]), "and another");
    let all = vec![fields(Some(Some(1)), 5, 7.0), Tagged::Empty, Tagged::Unit(Unit2 {})];
    assert!(!news(&all));
}

#[test]
fn a_type_inside_of_itself_has_few_shapes() {
    let mut shapes = Shapes::default();
    let mut news = |links| {
        let mut writer = StateWriter::new(Vec::new(), Some(&mut shapes));
        chain(links).serialize(&mut writer).unwrap();
        let depth = writer.finish().depth;
        let news = shapes.is_news(depth);
        shapes.prove(depth);
        usize::from(news)
    };
    let count: usize = (1..DEPTH_MAX / 2).map(&mut news).sum();
    assert!(count <= 12, "{count}");
}

mod any {
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub(super) enum Any {
        Unit,
        Numbers(i8, u64, i64),
        Wide { signed: i128, unsigned: u128 },
        Floats(f32, f64),
        Letter(char),
        Text(String),
        Blob(#[serde(with = "blob")] Vec<u8>),
        List(Vec<Any>),
        Map(BTreeMap<(u8, String), Any>),
        Thrice(Option<Option<Option<u8>>>),
        Unknown(Option<Option<()>>),
        Inner(Option<Box<Any>>),
        Tagged(Tag),
        Plain(Newtype<bool>, Unit),
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "t")]
    pub(super) enum Tag {
        Nothing,
        Some { of: Box<Any>, maybe: Option<Option<i64>> },
    }

    mod blob {
        use serde::{Deserialize, Deserializer, Serializer};

        pub(super) fn serialize<S: Serializer>(
            bytes: &[u8],
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(bytes)
        }

        pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
            super::Bytes::deserialize(from).map(|bytes| bytes.0)
        }
    }

    fn leaf() -> impl Strategy<Value = Any> {
        prop_oneof![
            Just(Any::Unit),
            any::<(i8, u64, i64)>().prop_map(|(a, b, c)| Any::Numbers(a, b, c)),
            any::<(i128, u128)>().prop_map(|(signed, unsigned)| Any::Wide { signed, unsigned }),
            any::<(f32, f64)>().prop_map(|(a, b)| Any::Floats(a, b)),
            any::<char>().prop_map(Any::Letter),
            ".{0,40}".prop_map(Any::Text),
            vec(any::<u8>(), 0..300).prop_map(Any::Blob),
            any::<Option<Option<Option<u8>>>>().prop_map(Any::Thrice),
            any::<Option<Option<()>>>().prop_map(Any::Unknown),
            any::<bool>().prop_map(|flag| Any::Plain(Newtype(flag), Unit)),
        ]
    }

    pub(super) fn value() -> impl Strategy<Value = Any> {
        leaf().prop_recursive(6, 120, 12, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..20).prop_map(Any::List),
                btree_map((any::<u8>(), "[a-z]{0,3}"), inner.clone(), 0..20).prop_map(Any::Map),
                proptest::option::of(inner.clone()).prop_map(|of| Any::Inner(of.map(Box::new))),
                (buffered(inner), any::<Option<Option<i64>>>())
                    .prop_map(|(of, maybe)| Any::Tagged(Tag::Some { of: Box::new(of), maybe })),
                Just(Any::Tagged(Tag::Nothing)),
            ]
        })
    }

    /// What serde can buffer: no numbers of 128 bits.
    fn buffered(inner: impl Strategy<Value = Any>) -> impl Strategy<Value = Any> {
        inner.prop_map(|value| if has_wide(&value) { Any::Unit } else { value })
    }

    fn has_wide(value: &Any) -> bool {
        format!("{value:?}").contains("Wide {")
    }

    /// Without what this codec writes in a way of its own.
    fn is_common(value: &Any) -> bool {
        let text = format!("{value:?}");
        ["Some(None", "Some(())", "Wide {", "Plain("].iter().all(|own| !text.contains(own))
    }

    proptest! {
        #[test]
        fn every_value_comes_back(value in value()) {
            let encoded = write(&value);
            let read: Any = StateReader::new(&encoded.bytes).read_all().unwrap();
            let again = write(&read);
            // Bit by bit: `NaN` is not equal to itself.
            prop_assert_eq!(&again.bytes, &encoded.bytes);
            prop_assert_eq!(again.calls, encoded.calls);
            prop_assert_eq!(format!("{read:?}"), format!("{value:?}"));
        }

        #[test]
        fn it_is_the_messagepack_that_others_write(value in value().prop_filter("own", is_common)) {
            let theirs = {
                let mut bytes = Vec::new();
                let mut writer = rmp_serde::Serializer::new(&mut bytes).with_struct_map().with_human_readable();
                value.serialize(&mut writer).unwrap();
                bytes
            };
            prop_assert_eq!(write(&value).bytes, theirs);
        }

        #[test]
        fn bytes_of_any_sort_are_read_or_refused(
            value in value(),
            changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        ) {
            let mut bytes = write(&value).bytes;
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Ok(read) = StateReader::new(&bytes).read_all::<Any>() {
                let again = write(&read).bytes;
                let twice: Any = StateReader::new(&again).read_all().unwrap();
                prop_assert_eq!(write(&twice).bytes, again);
            }
            let _ = StateReader::new(&bytes).read_all::<serde::de::IgnoredAny>();
        }
    }

    #[test]
    fn a_state_of_an_earlier_build_is_read() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Old {
            at: IpAddr,
            unit: Unit,
            wide: i128,
            option: Option<u8>,
        }
        let old = Old { at: "127.0.0.1".parse().unwrap(), unit: Unit, wide: 5, option: None };
        let bytes = rmp_serde::to_vec_named(&old).unwrap();
        assert_eq!(StateReader::new(&bytes).compact().read_all::<Old>().unwrap(), old);
    }
}
