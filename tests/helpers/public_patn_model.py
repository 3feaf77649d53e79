"""The public PATN generator as its facts tell it, written again: module tree, names of weights, and
forward pass.
"""

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, width, pose_width, bias, norm):
        super().__init__()

        def stream(inside, outside, last_norm):
            layers = [
                nn.ReflectionPad2d(1),
                nn.Conv2d(inside, inside, 3, bias=bias),
                norm(inside),
                nn.ReLU(),
                nn.Dropout(0.5),
            ]
            layers += [nn.ReflectionPad2d(1), nn.Conv2d(inside, outside, 3, bias=bias)]
            return nn.Sequential(*layers, *([norm(outside)] if last_norm else []))

        self.conv_block_stream1 = stream(width, width, True)
        self.conv_block_stream2 = stream(pose_width, width, False)

    def forward(self, image, pose):
        pose = self.conv_block_stream2(pose)
        image = image + torch.sigmoid(pose) * self.conv_block_stream1(image)
        return image, torch.cat([pose, image], 1)


class Model(nn.Module):
    def __init__(self, ngf, blocks, norm, bias):
        super().__init__()

        def down(inputs):
            layers = [
                nn.ReflectionPad2d(3),
                nn.Conv2d(inputs, ngf, 7, bias=bias),
                norm(ngf),
                nn.ReLU(),
            ]
            for width in (ngf, 2 * ngf):
                layers += [
                    nn.Conv2d(width, 2 * width, 3, 2, 1, bias=bias),
                    norm(2 * width),
                    nn.ReLU(),
                ]
            return nn.Sequential(*layers)

        self.stream1_down, self.stream2_down = down(3), down(36)
        self.att = nn.Sequential(
            *(Block(4 * ngf, 4 * ngf if k == 0 else 8 * ngf, bias, norm) for k in range(blocks))
        )
        up = []
        for width in (4 * ngf, 2 * ngf):
            up += [
                nn.ConvTranspose2d(width, width // 2, 3, 2, 1, 1, bias=bias),
                norm(width // 2),
                nn.ReLU(),
            ]
        self.stream1_up = nn.Sequential(*up, nn.ReflectionPad2d(3), nn.Conv2d(ngf, 3, 7), nn.Tanh())

    def forward(self, image, poses):
        image, pose = self.stream1_down(image), self.stream2_down(poses)
        for block in self.att:
            image, pose = block(image, pose)
        return self.stream1_up(image)


class PublicPatn(nn.Module):
    """kind: batch, instance, or instance_old, whose norms keep running statistics as versions
    before torch 0.4 did.
    """

    def __init__(self, ngf=4, blocks=3, kind="batch"):
        super().__init__()
        norms = {
            "batch": nn.BatchNorm2d,
            "instance": nn.InstanceNorm2d,
            "instance_old": lambda width: nn.InstanceNorm2d(width, track_running_stats=True),
        }
        self.model = Model(ngf, blocks, norms[kind], kind != "batch")


def public_patn(kind="batch", **sizes):
    """With weights and running statistics that are all different, so that none can take another's
    place unseen.
    """
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = PublicPatn(kind=kind, **sizes)
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                value.normal_(0, 0.1)
            if name.endswith("running_var"):
                value.abs_().add_(0.5)
    return network.eval()


def output(network, batch):
    """What it makes of a Batch; old instance norms as they worked: by the image's own
    statistics.
    """
    for module in network.modules():
        if isinstance(module, nn.InstanceNorm2d):
            module.train()
    with torch.no_grad():
        return network.model(
            batch.source_image, torch.cat([batch.source_pose, batch.target_pose], 1)
        )
