/* Tells the world outside how this machine's time passes: one byte on an I/O port every 2 ms of it.
 *
 * An emulated processor is slow, and its time goes slower than a wall clock whenever it has work; belt and patient outside must
 * then go slower with it. What was missed while interrupts were off is told afterwards, so that the count is the time. */
#include <linux/hrtimer.h>
#include <linux/io.h>
#include <linux/module.h>

#define PERIOD_NS 2000000
#define PORT 0x5A0
#define TICK 0x7F

static struct hrtimer timer;

static enum hrtimer_restart tell(struct hrtimer *of)
{
	u64 passed = hrtimer_forward_now(of, ns_to_ktime(PERIOD_NS));

	while (passed--)
		outb(TICK, PORT);
	return HRTIMER_RESTART;
}

static int __init clock_init(void)
{
	hrtimer_init(&timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
	timer.function = tell;
	hrtimer_start(&timer, ns_to_ktime(PERIOD_NS), HRTIMER_MODE_REL_HARD);
	return 0;
}

static void __exit clock_exit(void)
{
	hrtimer_cancel(&timer);
}

module_init(clock_init);
module_exit(clock_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("One byte on an I/O port every 2 ms");
