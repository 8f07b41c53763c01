/* SPI bus 0 with an HX711 on it, for a machine that has neither: MOSI is the chip's PD_SCK, MISO its DOUT, as in docs/wiring.md.
 *
 * What a conversion reads stands in /sys/module/hx711_bus/parameters/counts. A conversion is ready every 12.5 ms; it never ends in
 * the middle of a transfer here, and whoever asks too early sleeps until it is ready, which spares an emulated processor a thousand
 * questions a second: the chip's timing is not judged on this bus. */
#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/random.h>
#include <linux/spi/spi.h>

#define DATA_PULSES 24

static int counts;
module_param(counts, int, 0644);
MODULE_PARM_DESC(counts, "what a conversion reads, -8388608..8388607");

static unsigned int noise = 100;
module_param(noise, uint, 0644);
MODULE_PARM_DESC(noise, "the converter's own noise: at most so many counts off");

static unsigned int period_us = 12500;
module_param(period_us, uint, 0644);
MODULE_PARM_DESC(period_us, "time from one conversion to the next");

static bool silent;
module_param(silent, bool, 0644);
MODULE_PARM_DESC(silent, "no conversion ever again");

struct chip {
	ktime_t next_ready;
	bool is_ready;
	bool clock;
	unsigned int pulses;
	u32 shift_register;
};

static void convert(struct chip *chip)
{
	s64 early_us = ktime_us_delta(chip->next_ready, ktime_get());

	if (silent || chip->clock || (chip->is_ready && chip->pulses <= DATA_PULSES))
		return;
	if (early_us > 0)
		usleep_range(early_us, early_us + 100);
	chip->next_ready = ktime_add_us(ktime_get(), period_us);
	chip->shift_register = (u32)(counts + (int)get_random_u32_below(2 * noise + 1) - (int)noise) & 0xFFFFFF;
	chip->is_ready = true;
	chip->pulses = 0;
}

static void set_clock(struct chip *chip, bool level)
{
	if (level && !chip->clock && chip->is_ready) {
		chip->pulses++;
		if (chip->pulses > DATA_PULSES + 3)
			chip->is_ready = false;
	}
	chip->clock = level;
}

static bool data(const struct chip *chip)
{
	if (!chip->is_ready || chip->pulses > DATA_PULSES)
		return true;
	if (chip->pulses == 0)
		return false;
	return chip->shift_register >> (DATA_PULSES - chip->pulses) & 1;
}

static int transfer_one(struct spi_controller *bus, struct spi_device *device, struct spi_transfer *transfer)
{
	struct chip *chip = spi_controller_get_devdata(bus);
	const u8 *sent = transfer->tx_buf;
	u8 *received = transfer->rx_buf;
	unsigned int i;
	int bit;

	convert(chip);
	for (i = 0; i < transfer->len; i++) {
		u8 byte = 0;

		for (bit = 7; bit >= 0; bit--) {
			set_clock(chip, sent && (sent[i] >> bit & 1));
			byte = byte << 1 | data(chip);
		}
		if (received)
			received[i] = byte;
	}
	set_clock(chip, false);
	return 0;
}

static struct platform_device *board;

static int bus_probe(struct platform_device *device)
{
	/* spidev binds by a name of its own table only; any of them will do. */
	struct spi_board_info cell = {.modalias = "dh2228fv", .max_speed_hz = 1000000, .bus_num = 0, .chip_select = 0};
	struct spi_controller *bus = devm_spi_alloc_master(&device->dev, sizeof(struct chip));
	int error;

	if (!bus)
		return -ENOMEM;
	bus->bus_num = 0;
	bus->num_chipselect = 1;
	bus->mode_bits = SPI_CPOL | SPI_CPHA;
	bus->bits_per_word_mask = SPI_BPW_MASK(8);
	bus->max_speed_hz = 1000000;
	bus->transfer_one = transfer_one;
	error = devm_spi_register_controller(&device->dev, bus);
	if (error)
		return error;
	return spi_new_device(bus, &cell) ? 0 : -ENODEV;
}

static struct platform_driver bus_driver = {.probe = bus_probe, .driver = {.name = "hx711_bus"}};

static int __init bus_init(void)
{
	int error = platform_driver_register(&bus_driver);

	if (error)
		return error;
	board = platform_device_register_simple("hx711_bus", -1, NULL, 0);
	if (IS_ERR(board)) {
		platform_driver_unregister(&bus_driver);
		return PTR_ERR(board);
	}
	return 0;
}

static void __exit bus_exit(void)
{
	platform_device_unregister(board);
	platform_driver_unregister(&bus_driver);
}

module_init(bus_init);
module_exit(bus_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("An SPI bus with an HX711, without either");
