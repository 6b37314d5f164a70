// SPDX-License-Identifier: Apache-2.0
/* address.test.c - bpf/include/address.h, run on the host. */
#include <arpa/inet.h>
#include <string.h>

#include "address.h"
#include "check.h"

static struct words parse(const char *text)
{
	struct words words = { { 0 } };
	__u32 v4;

	if (inet_pton(AF_INET, text, &v4) == 1)
		return map_v4(v4);
	if (inet_pton(AF_INET6, text, &words) != 1)
		CHECK(!"an address of this test is malformed");
	return words;
}

static void mapping(void)
{
	struct words v4 = parse("10.1.2.3"), v6 = parse("::ffff:10.1.2.3");

	CHECK(!memcmp(&v4, &v6, sizeof(v4)));
	EQUAL(sizeof(struct words), 16);
}

struct expectation {
	const char *address;
	int mapped;
	int loopback;
	int link_local;
	int unicast;
	int zero;
};

static const struct expectation EXPECTATIONS[] = {
	{ "0.0.0.0", 1, 1, 0, 1, 0 },
	{ "0.0.0.1", 1, 0, 0, 1, 0 },
	{ "1.0.0.0", 1, 0, 0, 1, 0 },
	{ "10.0.0.127", 1, 0, 0, 1, 0 },
	{ "126.255.255.255", 1, 0, 0, 1, 0 },
	{ "127.0.0.0", 1, 1, 0, 1, 0 },
	{ "127.0.0.1", 1, 1, 0, 1, 0 },
	{ "127.255.255.255", 1, 1, 0, 1, 0 },
	{ "128.0.0.0", 1, 0, 0, 1, 0 },
	{ "169.253.255.255", 1, 0, 0, 1, 0 },
	{ "169.254.0.0", 1, 0, 1, 1, 0 },
	{ "169.254.169.254", 1, 0, 1, 1, 0 },
	{ "169.254.255.255", 1, 0, 1, 1, 0 },
	{ "169.255.0.0", 1, 0, 0, 1, 0 },
	{ "254.169.0.0", 1, 0, 0, 1, 0 },
	{ "223.255.255.255", 1, 0, 0, 1, 0 },
	{ "224.0.0.0", 1, 0, 0, 0, 0 },
	{ "239.255.255.255", 1, 0, 0, 0, 0 },
	{ "240.0.0.0", 1, 0, 0, 1, 0 },
	{ "255.255.255.254", 1, 0, 0, 1, 0 },
	{ "255.255.255.255", 1, 0, 0, 0, 0 },
	{ "::", 0, 1, 0, 1, 1 },
	{ "::1", 0, 1, 0, 1, 0 },
	{ "::2", 0, 0, 0, 1, 0 },
	{ "::1:0:1", 0, 0, 0, 1, 0 },
	{ "1::1", 0, 0, 0, 1, 0 },
	{ "::127.0.0.1", 0, 0, 0, 1, 0 },
	{ "::fffe:7f00:1", 0, 0, 0, 1, 0 },
	{ "::ffff:0:7f00:1", 0, 0, 0, 1, 0 },
	{ "1::ffff:7f00:1", 0, 0, 0, 1, 0 },
	{ "64:ff9b::7f00:1", 0, 0, 0, 1, 0 },
	{ "fe7f:ffff::", 0, 0, 0, 1, 0 },
	{ "fe80::", 0, 0, 1, 1, 0 },
	{ "fe80::1", 0, 0, 1, 1, 0 },
	{ "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 0, 0, 1, 1, 0 },
	{ "fec0::", 0, 0, 0, 1, 0 },
	{ "a9fe::1", 0, 0, 0, 1, 0 },
	{ "2001:db8::1", 0, 0, 0, 1, 0 },
	{ "::ff", 0, 0, 0, 1, 0 },
	{ "feff:ffff::", 0, 0, 0, 1, 0 },
	{ "ff00::", 0, 0, 0, 0, 0 },
	{ "ff02::1", 0, 0, 0, 0, 0 },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 0, 0, 0, 0, 0 },
};

static void classes(void)
{
	for (size_t i = 0; i < sizeof(EXPECTATIONS) / sizeof(EXPECTATIONS[0]); i++) {
		const struct expectation *expected = &EXPECTATIONS[i];
		struct words address = parse(expected->address);
		int before = failures;

		EQUAL(is_mapped_v4(&address), expected->mapped);
		EQUAL(is_loopback(&address), expected->loopback);
		EQUAL(is_link_local(&address), expected->link_local);
		EQUAL(is_unicast(&address), expected->unicast);
		EQUAL(is_zero(&address), expected->zero);
		if (failures != before)
			fprintf(stderr, "  for %s\n", expected->address);
	}
}

/* Addresses that differ in any of their words are not the same. */
static void sameness(void)
{
	struct words address = parse("2001:db8::1:2:3");

	for (int i = 0; i < 4; i++) {
		struct words other = address;

		CHECK(is_same(&address, &other));
		other.word[i] ^= htonl(0x00010000);
		CHECK(!is_same(&address, &other));
	}
}

/* Every /8 of IPv4: exactly two hold loopback addresses at .0.0.1 and .0.0.0. */
static void every_network(void)
{
	int loopbacks = 0;

	for (__u32 first = 0; first < 256; first++) {
		struct words address = map_v4(htonl(first << 24 | 1));

		loopbacks += is_loopback(&address);
	}
	EQUAL(loopbacks, 1);
}

int main(void)
{
	mapping();
	classes();
	sameness();
	every_network();
	return report("address.h");
}
