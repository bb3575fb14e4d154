//! The pages of `docs/errors`, in the executable.

macro_rules! pages {
    ($($code:literal),* $(,)?) => {
        /// Every error code of this version with its page, in order.
        pub const PAGES: &[(&str, &str)] = &[
            $(($code, include_str!(concat!("../../../../docs/errors/", $code, ".md")))),*
        ];
    };
}

pages![
    "PLY-0101", "PLY-0102", "PLY-0103", "PLY-0104", "PLY-0105", "PLY-0106", "PLY-0107", "PLY-0108",
    "PLY-0109", "PLY-0110", "PLY-0111", "PLY-0112", "PLY-0113", "PLY-0114", "PLY-0115", "PLY-0116",
    "PLY-0117", "PLY-0118", "PLY-0119", "PLY-0120", "PLY-0121", "PLY-0122", "PLY-0123", "PLY-0127",
    "PLY-0128", "PLY-0130", "PLY-0135", "PLY-0136", "PLY-0137", "PLY-0139", "PLY-0140", "PLY-0141",
    "PLY-0142", "PLY-0143", "PLY-0144", "PLY-0145", "PLY-0146", "PLY-0147", "PLY-0148", "PLY-0149",
    "PLY-0150", "PLY-0151", "PLY-0152", "PLY-0153", "PLY-0154", "PLY-0155", "PLY-0156", "PLY-0160",
    "PLY-0161", "PLY-0166", "PLY-0167", "PLY-0168", "PLY-0180", "PLY-0181", "PLY-0182", "PLY-0183",
    "PLY-0184", "PLY-0185", "PLY-0186", "PLY-0187", "PLY-0190", "PLY-0191", "PLY-0192", "PLY-0193",
    "PLY-0194", "PLY-0195", "PLY-0196", "PLY-0197", "PLY-0198", "PLY-0199", "PLY-0201", "PLY-0202",
    "PLY-0203", "PLY-0204", "PLY-0205", "PLY-0206", "PLY-0210", "PLY-0211", "PLY-0212", "PLY-0213",
    "PLY-0214", "PLY-0215", "PLY-0216", "PLY-0217", "PLY-0218", "PLY-0219", "PLY-0220", "PLY-0221",
    "PLY-0222", "PLY-0223", "PLY-0224", "PLY-0225", "PLY-0226", "PLY-0240", "PLY-0241", "PLY-0242",
    "PLY-0280", "PLY-0281", "PLY-0282", "PLY-0283", "PLY-0284", "PLY-0301", "PLY-0302", "PLY-0303",
    "PLY-0304", "PLY-0305", "PLY-0306", "PLY-0307", "PLY-0308", "PLY-0309", "PLY-0310", "PLY-0311",
    "PLY-0312", "PLY-0313", "PLY-0401", "PLY-0402", "PLY-0403", "PLY-0404", "PLY-0405", "PLY-0406",
    "PLY-0408", "PLY-0409", "PLY-0410", "PLY-0411", "PLY-0412", "PLY-0413", "PLY-0420", "PLY-0421",
    "PLY-0422", "PLY-0423", "PLY-0424", "PLY-0425", "PLY-0426", "PLY-0427", "PLY-0428", "PLY-0429",
    "PLY-0430", "PLY-0431", "PLY-0432", "PLY-0433", "PLY-0434", "PLY-0435", "PLY-0436", "PLY-0437",
    "PLY-0438", "PLY-0439", "PLY-0440", "PLY-0441", "PLY-0442", "PLY-0443", "PLY-0444", "PLY-0445",
    "PLY-0446", "PLY-0447", "PLY-0448", "PLY-0450", "PLY-0451", "PLY-0452", "PLY-0453", "PLY-0454",
    "PLY-0455", "PLY-0456", "PLY-0457", "PLY-0461", "PLY-0462", "PLY-0480", "PLY-0481", "PLY-0482",
    "PLY-0483", "PLY-0484", "PLY-0485", "PLY-0486", "PLY-0487", "PLY-0501", "PLY-0502", "PLY-0503",
    "PLY-0504", "PLY-0505", "PLY-0506", "PLY-0507", "PLY-0508", "PLY-0509", "PLY-0510", "PLY-0511",
    "PLY-0512", "PLY-0513", "PLY-0514", "PLY-0515", "PLY-0516", "PLY-0517", "PLY-0520", "PLY-0521",
    "PLY-0522", "PLY-0523", "PLY-0524", "PLY-0525", "PLY-0526", "PLY-0527", "PLY-0528", "PLY-0529",
    "PLY-0530", "PLY-0531", "PLY-0533", "PLY-0535", "PLY-0536", "PLY-0541", "PLY-0542", "PLY-0543",
    "PLY-0544", "PLY-0545", "PLY-0546", "PLY-0560", "PLY-0561", "PLY-0562", "PLY-0563", "PLY-0564",
    "PLY-0570", "PLY-0571", "PLY-0580", "PLY-0610", "PLY-0620", "PLY-0621",
];
