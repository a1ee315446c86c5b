// Constant tables (NUMERICS.md, sections 4 and 5); a test compares them with `qnas.numerics`.

// RSQRT: 2**19 / sqrt(index + 64.5). What is read comes a clock later.
module rsqrt_table (
    input logic clk,
    input logic [7:0] index,
    output logic [15:0] q
);
  (* rom_style = "block" *) logic [15:0] memory[0:191];
  initial begin
    memory[0] = 65281; memory[1] = 64781; memory[2] = 64292; memory[3] = 63814; memory[4] = 63347;
    memory[5] = 62889; memory[6] = 62442; memory[7] = 62004; memory[8] = 61575; memory[9] = 61154;
    memory[10] = 60742; memory[11] = 60339; memory[12] = 59943; memory[13] = 59555;
    memory[14] = 59175; memory[15] = 58801; memory[16] = 58435; memory[17] = 58075;
    memory[18] = 57722; memory[19] = 57376; memory[20] = 57035; memory[21] = 56700;
    memory[22] = 56372; memory[23] = 56049; memory[24] = 55731; memory[25] = 55419;
    memory[26] = 55112; memory[27] = 54810; memory[28] = 54513; memory[29] = 54221;
    memory[30] = 53933; memory[31] = 53650; memory[32] = 53371; memory[33] = 53097;
    memory[34] = 52826; memory[35] = 52560; memory[36] = 52298; memory[37] = 52040;
    memory[38] = 51785; memory[39] = 51535; memory[40] = 51288; memory[41] = 51044;
    memory[42] = 50804; memory[43] = 50567; memory[44] = 50333; memory[45] = 50103;
    memory[46] = 49876; memory[47] = 49652; memory[48] = 49430; memory[49] = 49212;
    memory[50] = 48997; memory[51] = 48784; memory[52] = 48574; memory[53] = 48367;
    memory[54] = 48163; memory[55] = 47961; memory[56] = 47761; memory[57] = 47564;
    memory[58] = 47370; memory[59] = 47178; memory[60] = 46988; memory[61] = 46800;
    memory[62] = 46615; memory[63] = 46432; memory[64] = 46251; memory[65] = 46072;
    memory[66] = 45895; memory[67] = 45720; memory[68] = 45547; memory[69] = 45376;
    memory[70] = 45207; memory[71] = 45040; memory[72] = 44875; memory[73] = 44711;
    memory[74] = 44550; memory[75] = 44390; memory[76] = 44232; memory[77] = 44075;
    memory[78] = 43920; memory[79] = 43767; memory[80] = 43615; memory[81] = 43465;
    memory[82] = 43316; memory[83] = 43169; memory[84] = 43024; memory[85] = 42879;
    memory[86] = 42737; memory[87] = 42595; memory[88] = 42456; memory[89] = 42317;
    memory[90] = 42180; memory[91] = 42044; memory[92] = 41910; memory[93] = 41776;
    memory[94] = 41644; memory[95] = 41514; memory[96] = 41384; memory[97] = 41256;
    memory[98] = 41129; memory[99] = 41003; memory[100] = 40878; memory[101] = 40754;
    memory[102] = 40631; memory[103] = 40510; memory[104] = 40390; memory[105] = 40270;
    memory[106] = 40152; memory[107] = 40035; memory[108] = 39919; memory[109] = 39803;
    memory[110] = 39689; memory[111] = 39576; memory[112] = 39464; memory[113] = 39352;
    memory[114] = 39242; memory[115] = 39133; memory[116] = 39024; memory[117] = 38916;
    memory[118] = 38810; memory[119] = 38704; memory[120] = 38599; memory[121] = 38494;
    memory[122] = 38391; memory[123] = 38289; memory[124] = 38187; memory[125] = 38086;
    memory[126] = 37986; memory[127] = 37887; memory[128] = 37788; memory[129] = 37690;
    memory[130] = 37593; memory[131] = 37497; memory[132] = 37401; memory[133] = 37307;
    memory[134] = 37213; memory[135] = 37119; memory[136] = 37027; memory[137] = 36935;
    memory[138] = 36843; memory[139] = 36753; memory[140] = 36663; memory[141] = 36573;
    memory[142] = 36485; memory[143] = 36397; memory[144] = 36309; memory[145] = 36222;
    memory[146] = 36136; memory[147] = 36051; memory[148] = 35966; memory[149] = 35882;
    memory[150] = 35798; memory[151] = 35715; memory[152] = 35632; memory[153] = 35550;
    memory[154] = 35469; memory[155] = 35388; memory[156] = 35307; memory[157] = 35228;
    memory[158] = 35148; memory[159] = 35070; memory[160] = 34991; memory[161] = 34914;
    memory[162] = 34837; memory[163] = 34760; memory[164] = 34684; memory[165] = 34608;
    memory[166] = 34533; memory[167] = 34458; memory[168] = 34384; memory[169] = 34310;
    memory[170] = 34237; memory[171] = 34164; memory[172] = 34092; memory[173] = 34020;
    memory[174] = 33949; memory[175] = 33878; memory[176] = 33807; memory[177] = 33737;
    memory[178] = 33668; memory[179] = 33599; memory[180] = 33530; memory[181] = 33461;
    memory[182] = 33393; memory[183] = 33326; memory[184] = 33259; memory[185] = 33192;
    memory[186] = 33126; memory[187] = 33060; memory[188] = 32994; memory[189] = 32929;
    memory[190] = 32864; memory[191] = 32800;
  end
  always_ff @(posedge clk) q <= memory[index];
endmodule

// EXP: 119 * 2**8 * 2**(-index / 256). What is read comes a clock later.
module exp_table (
    input logic clk,
    input logic [7:0] index,
    output logic [14:0] q
);
  (* rom_style = "block" *) logic [14:0] memory[0:255];
  initial begin
    memory[0] = 30464; memory[1] = 30382; memory[2] = 30299; memory[3] = 30218; memory[4] = 30136;
    memory[5] = 30054; memory[6] = 29973; memory[7] = 29892; memory[8] = 29811; memory[9] = 29731;
    memory[10] = 29650; memory[11] = 29570; memory[12] = 29490; memory[13] = 29410;
    memory[14] = 29331; memory[15] = 29252; memory[16] = 29172; memory[17] = 29094;
    memory[18] = 29015; memory[19] = 28936; memory[20] = 28858; memory[21] = 28780;
    memory[22] = 28702; memory[23] = 28625; memory[24] = 28547; memory[25] = 28470;
    memory[26] = 28393; memory[27] = 28316; memory[28] = 28240; memory[29] = 28163;
    memory[30] = 28087; memory[31] = 28011; memory[32] = 27936; memory[33] = 27860;
    memory[34] = 27785; memory[35] = 27710; memory[36] = 27635; memory[37] = 27560;
    memory[38] = 27485; memory[39] = 27411; memory[40] = 27337; memory[41] = 27263;
    memory[42] = 27189; memory[43] = 27116; memory[44] = 27043; memory[45] = 26969;
    memory[46] = 26896; memory[47] = 26824; memory[48] = 26751; memory[49] = 26679;
    memory[50] = 26607; memory[51] = 26535; memory[52] = 26463; memory[53] = 26392;
    memory[54] = 26320; memory[55] = 26249; memory[56] = 26178; memory[57] = 26107;
    memory[58] = 26037; memory[59] = 25966; memory[60] = 25896; memory[61] = 25826;
    memory[62] = 25756; memory[63] = 25687; memory[64] = 25617; memory[65] = 25548;
    memory[66] = 25479; memory[67] = 25410; memory[68] = 25341; memory[69] = 25273;
    memory[70] = 25204; memory[71] = 25136; memory[72] = 25068; memory[73] = 25000;
    memory[74] = 24933; memory[75] = 24865; memory[76] = 24798; memory[77] = 24731;
    memory[78] = 24664; memory[79] = 24597; memory[80] = 24531; memory[81] = 24465;
    memory[82] = 24399; memory[83] = 24333; memory[84] = 24267; memory[85] = 24201;
    memory[86] = 24136; memory[87] = 24070; memory[88] = 24005; memory[89] = 23940;
    memory[90] = 23876; memory[91] = 23811; memory[92] = 23747; memory[93] = 23683;
    memory[94] = 23619; memory[95] = 23555; memory[96] = 23491; memory[97] = 23427;
    memory[98] = 23364; memory[99] = 23301; memory[100] = 23238; memory[101] = 23175;
    memory[102] = 23112; memory[103] = 23050; memory[104] = 22988; memory[105] = 22925;
    memory[106] = 22863; memory[107] = 22802; memory[108] = 22740; memory[109] = 22678;
    memory[110] = 22617; memory[111] = 22556; memory[112] = 22495; memory[113] = 22434;
    memory[114] = 22374; memory[115] = 22313; memory[116] = 22253; memory[117] = 22193;
    memory[118] = 22133; memory[119] = 22073; memory[120] = 22013; memory[121] = 21953;
    memory[122] = 21894; memory[123] = 21835; memory[124] = 21776; memory[125] = 21717;
    memory[126] = 21658; memory[127] = 21600; memory[128] = 21541; memory[129] = 21483;
    memory[130] = 21425; memory[131] = 21367; memory[132] = 21309; memory[133] = 21252;
    memory[134] = 21194; memory[135] = 21137; memory[136] = 21080; memory[137] = 21023;
    memory[138] = 20966; memory[139] = 20909; memory[140] = 20853; memory[141] = 20796;
    memory[142] = 20740; memory[143] = 20684; memory[144] = 20628; memory[145] = 20572;
    memory[146] = 20517; memory[147] = 20461; memory[148] = 20406; memory[149] = 20351;
    memory[150] = 20296; memory[151] = 20241; memory[152] = 20186; memory[153] = 20131;
    memory[154] = 20077; memory[155] = 20023; memory[156] = 19969; memory[157] = 19915;
    memory[158] = 19861; memory[159] = 19807; memory[160] = 19753; memory[161] = 19700;
    memory[162] = 19647; memory[163] = 19594; memory[164] = 19541; memory[165] = 19488;
    memory[166] = 19435; memory[167] = 19383; memory[168] = 19330; memory[169] = 19278;
    memory[170] = 19226; memory[171] = 19174; memory[172] = 19122; memory[173] = 19070;
    memory[174] = 19019; memory[175] = 18967; memory[176] = 18916; memory[177] = 18865;
    memory[178] = 18814; memory[179] = 18763; memory[180] = 18712; memory[181] = 18662;
    memory[182] = 18611; memory[183] = 18561; memory[184] = 18511; memory[185] = 18461;
    memory[186] = 18411; memory[187] = 18361; memory[188] = 18311; memory[189] = 18262;
    memory[190] = 18212; memory[191] = 18163; memory[192] = 18114; memory[193] = 18065;
    memory[194] = 18016; memory[195] = 17967; memory[196] = 17919; memory[197] = 17870;
    memory[198] = 17822; memory[199] = 17774; memory[200] = 17726; memory[201] = 17678;
    memory[202] = 17630; memory[203] = 17582; memory[204] = 17535; memory[205] = 17488;
    memory[206] = 17440; memory[207] = 17393; memory[208] = 17346; memory[209] = 17299;
    memory[210] = 17252; memory[211] = 17206; memory[212] = 17159; memory[213] = 17113;
    memory[214] = 17067; memory[215] = 17020; memory[216] = 16974; memory[217] = 16928;
    memory[218] = 16883; memory[219] = 16837; memory[220] = 16791; memory[221] = 16746;
    memory[222] = 16701; memory[223] = 16656; memory[224] = 16611; memory[225] = 16566;
    memory[226] = 16521; memory[227] = 16476; memory[228] = 16432; memory[229] = 16387;
    memory[230] = 16343; memory[231] = 16299; memory[232] = 16255; memory[233] = 16211;
    memory[234] = 16167; memory[235] = 16123; memory[236] = 16080; memory[237] = 16036;
    memory[238] = 15993; memory[239] = 15950; memory[240] = 15906; memory[241] = 15863;
    memory[242] = 15820; memory[243] = 15778; memory[244] = 15735; memory[245] = 15692;
    memory[246] = 15650; memory[247] = 15608; memory[248] = 15566; memory[249] = 15523;
    memory[250] = 15481; memory[251] = 15440; memory[252] = 15398; memory[253] = 15356;
    memory[254] = 15315; memory[255] = 15273;
  end
  always_ff @(posedge clk) q <= memory[index];
endmodule
