package phone

import "sort"

// span is a run of numbers that a regulator keeps free for fiction, with what its numbering plan makes of them.
type span struct {
	first, last Number
	region      string
	lineType    LineType
}

// reservedSpans lists the ranges outside +1, ascending. The library calls some of them invalid, since nobody has
// them; samples and tests need them, so Parse accepts them all.
//
// Sources: AU: ACMA, "Phone numbers for use in TV shows, films and creative works"; DE: Bundesnetzagentur,
// Mitteilung 148/2021; FR: ARCEP, décision 2018-0881, article 2.5.12; GB: Ofcom, "Telephone numbers for use in TV
// and radio drama programmes"; IE: ComReg, Numbering Conditions of Use, "drama use"; SE: PTS, "Telefonnummer för
// användning i böcker och filmer". Of the German mobile numbers only the one contiguous range is listed.
var reservedSpans = []span{
	{33_1_99_00_00_00, 33_1_99_00_99_99, "FR", FixedLine},
	{33_2_61_91_00_00, 33_2_61_91_99_99, "FR", FixedLine},
	{33_3_53_01_00_00, 33_3_53_01_99_99, "FR", FixedLine},
	{33_4_65_71_00_00, 33_4_65_71_99_99, "FR", FixedLine},
	{33_5_36_49_00_00, 33_5_36_49_99_99, "FR", FixedLine},
	{33_6_39_98_00_00, 33_6_39_98_99_99, "FR", Mobile},
	{46_31_390_06_00, 46_31_390_06_99, "SE", FixedLine},
	{46_40_628_04_00, 46_40_628_04_99, "SE", FixedLine},
	{46_70_174_06_05, 46_70_174_06_99, "SE", Mobile},
	{46_8_465_004_00, 46_8_465_004_99, "SE", FixedLine},
	{46_980_319_200, 46_980_319_299, "SE", FixedLine},
	{61_2_5550_0000, 61_2_5550_9999, "AU", FixedLine},
	{61_2_7010_0000, 61_2_7010_9999, "AU", FixedLine},
	{61_3_5550_0000, 61_3_5550_9999, "AU", FixedLine},
	{61_3_7010_0000, 61_3_7010_9999, "AU", FixedLine},
	{61_491_570_006, 61_491_570_006, "AU", Mobile},
	{61_491_570_110, 61_491_570_110, "AU", Mobile},
	{61_491_570_156, 61_491_570_159, "AU", Mobile},
	{61_491_570_313, 61_491_570_313, "AU", Mobile},
	{61_491_570_737, 61_491_570_737, "AU", Mobile},
	{61_491_571_266, 61_491_571_266, "AU", Mobile},
	{61_491_571_491, 61_491_571_491, "AU", Mobile},
	{61_491_571_804, 61_491_571_804, "AU", Mobile},
	{61_491_572_549, 61_491_572_549, "AU", Mobile},
	{61_491_572_665, 61_491_572_665, "AU", Mobile},
	{61_491_572_983, 61_491_572_983, "AU", Mobile},
	{61_491_573_087, 61_491_573_087, "AU", Mobile},
	{61_491_573_770, 61_491_573_770, "AU", Mobile},
	{61_491_574_118, 61_491_574_118, "AU", Mobile},
	{61_491_574_632, 61_491_574_632, "AU", Mobile},
	{61_491_575_254, 61_491_575_254, "AU", Mobile},
	{61_491_575_789, 61_491_575_789, "AU", Mobile},
	{61_491_576_398, 61_491_576_398, "AU", Mobile},
	{61_491_576_801, 61_491_576_801, "AU", Mobile},
	{61_491_577_426, 61_491_577_426, "AU", Mobile},
	{61_491_577_644, 61_491_577_644, "AU", Mobile},
	{61_491_578_148, 61_491_578_148, "AU", Mobile},
	{61_491_578_888, 61_491_578_888, "AU", Mobile},
	{61_491_578_957, 61_491_578_957, "AU", Mobile},
	{61_491_579_212, 61_491_579_212, "AU", Mobile},
	{61_491_579_455, 61_491_579_455, "AU", Mobile},
	{61_491_579_760, 61_491_579_760, "AU", Mobile},
	{61_7_5550_0000, 61_7_5550_9999, "AU", FixedLine},
	{61_7_7010_0000, 61_7_7010_9999, "AU", FixedLine},
	{61_8_5550_0000, 61_8_5550_9999, "AU", FixedLine},
	{61_8_7010_0000, 61_8_7010_9999, "AU", FixedLine},
	{353_20_910_0000, 353_20_919_9999, "IE", FixedLine},
	{44_113_496_0000, 44_113_496_0999, "GB", FixedLine},
	{44_114_496_0000, 44_114_496_0999, "GB", FixedLine},
	{44_115_496_0000, 44_115_496_0999, "GB", FixedLine},
	{44_116_496_0000, 44_116_496_0999, "GB", FixedLine},
	{44_117_496_0000, 44_117_496_0999, "GB", FixedLine},
	{44_118_496_0000, 44_118_496_0999, "GB", FixedLine},
	{44_121_496_0000, 44_121_496_0999, "GB", FixedLine},
	{44_131_496_0000, 44_131_496_0999, "GB", FixedLine},
	{44_141_496_0000, 44_141_496_0999, "GB", FixedLine},
	{44_151_496_0000, 44_151_496_0999, "GB", FixedLine},
	{44_161_496_0000, 44_161_496_0999, "GB", FixedLine},
	{44_1632_960000, 44_1632_960999, "GB", FixedLine},
	{44_191_498_0000, 44_191_498_0999, "GB", FixedLine},
	{44_20_7946_0000, 44_20_7946_0999, "GB", FixedLine},
	{44_28_9018_0000, 44_28_9018_0999, "GB", FixedLine},
	{44_28_9649_6000, 44_28_9649_6999, "GB", FixedLine},
	{44_29_2018_0000, 44_29_2018_0999, "GB", FixedLine},
	{44_3069_990000, 44_3069_990999, "GB", UAN},
	{44_7700_900000, 44_7700_900999, "GB", Mobile},
	{44_8081_570000, 44_8081_570999, "GB", TollFree},
	{44_909_8790000, 44_909_8790999, "GB", Premium},
	{49_171_39200_00, 49_171_39200_99, "DE", Mobile},
	{49_221_4710_000, 49_221_4710_999, "DE", FixedLine},
	{49_30_23125_000, 49_30_23125_999, "DE", FixedLine},
	{49_40_66969_000, 49_40_66969_999, "DE", FixedLine},
	{49_69_90009_000, 49_69_90009_999, "DE", FixedLine},
	{49_89_99998_000, 49_89_99998_999, "DE", FixedLine},
	{61_1300_975_707, 61_1300_975_711, "AU", SharedCost},
	{61_1800_160_401, 61_1800_160_401, "AU", TollFree},
	{61_1800_975_707, 61_1800_975_711, "AU", TollFree},
	{61_1900_654_321, 61_1900_654_321, "AU", Premium},
}

// Reserved reports whether a regulator keeps n free for fiction and documentation, so that it reaches nobody.
func Reserved(n Number) bool {
	_, ok := reservedRange(n)
	return ok || reservedInPlanOne(n.WithoutExtension())
}

// reservedInPlanOne knows the ranges of the North American plan: 555-0100 to 555-0199 in every geographic area
// code, and of the toll-free codes only 800-555-0199 (ATIS-0300115, 555 NXX Line Number Reference Document).
// Whether the area code exists is left to the library.
func reservedInPlanOne(n Number) bool {
	const planOne = 1_000_000_0000
	if n < planOne+200_000_0000 || n >= 2*planOne {
		return false
	}
	areaCode, line := (n-planOne)/1_000_0000, n%1_000_0000
	switch areaCode {
	case 800:
		return line == 555_0199
	case 822, 833, 844, 855, 866, 877, 888, 900:
		return false
	}
	return 555_0100 <= line && line <= 555_0199
}

func reservedRange(n Number) (span, bool) {
	n = n.WithoutExtension()
	at := sort.Search(len(reservedSpans), func(i int) bool { return reservedSpans[i].last >= n })
	if at == len(reservedSpans) || n < reservedSpans[at].first {
		return span{}, false
	}
	return reservedSpans[at], true
}

// parseReserved reads canonical digits of a reserved number that the automaton does not know.
func parseReserved(digits []byte) (Number, bool) {
	var n Number
	for _, char := range digits {
		if char < '0' || char > '9' {
			return 0, false
		}
		n = n*10 + Number(char-'0')
	}
	if digits[0] == '0' {
		return 0, false
	}
	_, ok := reservedRange(n)
	return n, ok
}
